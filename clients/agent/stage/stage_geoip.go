package stage

import (
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/oschwald/maxminddb-golang"
)

// geoIPConfig are the settings of geoip.
type geoIPConfig struct {
	DB     string `yaml:"db"`      // a file in MaxMind's format
	DBType string `yaml:"db_type"` // what is in it, city or asn
	Source string `yaml:"source"`
}

const (
	dbCity = "city"
	dbASN  = "asn"
)

func (c *geoIPConfig) validate() error {
	switch {
	case c.DB == "":
		return required("db")
	case c.Source == "":
		return required("source")
	case c.DBType != dbCity && c.DBType != dbASN:
		return errors.New("db_type: want city or asn")
	}
	return nil
}

func (c *geoIPConfig) compile(b *builder) error {
	db, err := maxminddb.Open(c.DB)
	if err != nil {
		return fmt.Errorf("db %s: %w", c.DB, err)
	}
	b.onClose(func() { _ = db.Close() })
	s := &geoIPStage{db: db, slot: b.slot(c.Source), set: setASN}
	if c.DBType == dbCity {
		s.set = setCity
	}
	b.add(s)
	return nil
}

// geoIPStage sets labels to what a database knows of an address.
type geoIPStage struct {
	db   *maxminddb.Reader
	slot int
	set  func(*maxminddb.Reader, net.IP, *row) error
}

func (s *geoIPStage) process(_ *Chain, _ int, r *row) verdict {
	text, ok := r.get(s.slot).asText()
	if !ok {
		return pass
	}
	if ip := net.ParseIP(text); ip != nil {
		// What the database does not know, or cannot say, is no label.
		_ = s.set(s.db, ip, r)
	}
	return pass
}

// geoName is a name in several languages, of which English is taken.
type geoName struct {
	Names struct {
		English string `maxminddb:"en"`
	} `maxminddb:"names"`
}

// geoCity is a record of a city database.
type geoCity struct {
	City      geoName `maxminddb:"city"`
	Country   geoName `maxminddb:"country"`
	Continent struct {
		Code string `maxminddb:"code"`
		geoName
	} `maxminddb:"continent"`
	Location struct {
		Latitude  float64 `maxminddb:"latitude"`
		Longitude float64 `maxminddb:"longitude"`
		TimeZone  string  `maxminddb:"time_zone"`
	} `maxminddb:"location"`
	Postal struct {
		Code string `maxminddb:"code"`
	} `maxminddb:"postal"`
	Subdivisions []struct {
		ISOCode string `maxminddb:"iso_code"`
		geoName
	} `maxminddb:"subdivisions"`
}

func setCity(db *maxminddb.Reader, ip net.IP, r *row) error {
	var c geoCity
	if err := db.Lookup(ip, &c); err != nil {
		return err
	}
	setGeo(r, "geoip_city_name", c.City.Names.English)
	setGeo(r, "geoip_country_name", c.Country.Names.English)
	setGeo(r, "geoip_continent_name", c.Continent.Names.English)
	setGeo(r, "geoip_continent_code", c.Continent.Code)
	if c.Location.Latitude != 0 || c.Location.Longitude != 0 {
		setGeo(r, "geoip_location_latitude", strconv.FormatFloat(c.Location.Latitude, 'f', -1, 64))
		setGeo(r, "geoip_location_longitude", strconv.FormatFloat(c.Location.Longitude, 'f', -1, 64))
	}
	setGeo(r, "geoip_postal_code", c.Postal.Code)
	setGeo(r, "geoip_timezone", c.Location.TimeZone)
	if len(c.Subdivisions) > 0 {
		setGeo(r, "geoip_subdivision_name", c.Subdivisions[0].Names.English)
		setGeo(r, "geoip_subdivision_code", c.Subdivisions[0].ISOCode)
	}
	return nil
}

func setASN(db *maxminddb.Reader, ip net.IP, r *row) error {
	var a struct {
		Number       uint64 `maxminddb:"autonomous_system_number"`
		Organization string `maxminddb:"autonomous_system_organization"`
	}
	if err := db.Lookup(ip, &a); err != nil {
		return err
	}
	if a.Number != 0 {
		setGeo(r, "geoip_autonomous_system_number", strconv.FormatUint(a.Number, 10))
	}
	setGeo(r, "geoip_autonomous_system_organization", a.Organization)
	return nil
}

func setGeo(r *row, name, val string) {
	if val != "" {
		r.labels = r.labels.With(name, val)
	}
}
