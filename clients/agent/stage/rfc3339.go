package stage

import "time"

// parseRFC3339 reads a time as container runtimes write it, with any number of
// digits behind the second, of which nine count. It does what time.Parse does
// for time.RFC3339Nano, in a tenth of the time.
func parseRFC3339(s string) (ts int64, ok bool) {
	if len(s) < len("2006-01-02T15:04:05Z") {
		return 0, false
	}
	year, ok1 := digits(s[0:4])
	month, ok2 := digits(s[5:7])
	day, ok3 := digits(s[8:10])
	hour, ok4 := digits(s[11:13])
	minute, ok5 := digits(s[14:16])
	second, ok6 := digits(s[17:19])
	if !(ok1 && ok2 && ok3 && ok4 && ok5 && ok6) ||
		s[4] != '-' || s[7] != '-' || s[10] != 'T' || s[13] != ':' || s[16] != ':' ||
		hour > 23 || minute > 59 || second > 59 || day < 1 || day > daysIn(year, month) {
		return 0, false
	}
	rest, nanos := s[19:], 0
	if rest[0] == '.' {
		i, unit := 1, 100_000_000
		for ; i < len(rest) && '0' <= rest[i] && rest[i] <= '9'; i++ {
			nanos += int(rest[i]-'0') * unit
			unit /= 10
		}
		if i == 1 {
			return 0, false
		}
		rest = rest[i:]
	}
	offset, ok := zoneOffset(rest)
	if !ok {
		return 0, false
	}
	seconds := daysSinceEpoch(year, month, day)*86400 + int64(hour*3600+minute*60+second-offset)
	const most = int64(^uint64(0)>>1) / 1_000_000_000
	if seconds >= most || seconds <= -most {
		return 0, false
	}
	return seconds*1_000_000_000 + int64(nanos), true
}

// zoneOffset reads a zone, Z or ±hh:mm, to seconds east of Greenwich.
func zoneOffset(s string) (seconds int, ok bool) {
	if s == "Z" {
		return 0, true
	}
	if len(s) != len("+00:00") || s[3] != ':' || s[0] != '+' && s[0] != '-' {
		return 0, false
	}
	hours, ok1 := digits(s[1:3])
	minutes, ok2 := digits(s[4:6])
	if !ok1 || !ok2 || hours > 24 || minutes > 59 {
		return 0, false
	}
	seconds = hours*3600 + minutes*60
	if s[0] == '-' {
		seconds = -seconds
	}
	return seconds, true
}

// digits reads a number of nothing but digits.
func digits(s string) (n int, ok bool) {
	for i := range len(s) {
		c := s[i] - '0'
		if c > 9 {
			return 0, false
		}
		n = 10*n + int(c)
	}
	return n, true
}

// daysIn is how many days a month has, or 0 if there is no such month.
func daysIn(year, month int) int {
	switch {
	case month < 1 || month > 12:
		return 0
	case month == 2 && year%4 == 0 && (year%100 != 0 || year%400 == 0):
		return 29
	case month == 2:
		return 28
	case month == 4 || month == 6 || month == 9 || month == 11:
		return 30
	default:
		return 31
	}
}

// daysSinceEpoch counts the days from 1970-01-01 on. Years begin in March
// here, so that the day that only some years have is a year's last.
func daysSinceEpoch(year, month, day int) int64 {
	if month <= 2 {
		year--
		month += 12
	}
	ofYear := (153*(month-3)+2)/5 + day - 1
	return int64(365*year+floorDiv(year, 4)-floorDiv(year, 100)+floorDiv(year, 400)+ofYear) - 719468
}

func floorDiv(a, b int) int {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// parseTime reads s by a layout of package time. A time without a zone is in loc.
func parseTime(layout, s string, loc *time.Location) (time.Time, error) {
	if loc == nil {
		return time.Parse(layout, s)
	}
	return time.ParseInLocation(layout, s, loc)
}
