package bench

import "math/rand/v2"

// Plants are texts that the corpus has a known number of times, and one that it
// does not have.
type Plants struct {
	Needle string // a trace id, in JSON lines of several apps
	Absent string // a trace id that no line has
	Rare   string // the inside of some container ids, in lines of the kubelet
}

// A plant is a text that is placed here and there.
type plant int

const (
	plantNeedle plant = iota
	plantRare
	numPlants
)

// plantTimes is how often the corpus has each, whatever its size.
var plantTimes = [numPlants]int{plantNeedle: 5, plantRare: 6}

// plantApps are apps that have lines to plant in.
var plantApps = [numPlants]string{plantNeedle: "gateway", plantRare: "kubelet"}

func newPlants(rnd *rand.Rand) Plants {
	return Plants{Needle: hexDigits(rnd, 32), Absent: hexDigits(rnd, 32), Rare: hexDigits(rnd, 12)}
}

// plantsIn is how many of a plant slice n of all has: they are spread evenly.
func plantsIn(p plant, n, all int) (count int) {
	for k := range plantTimes[p] {
		if (2*k+1)*all/(2*plantTimes[p]) == n {
			count++
		}
	}
	return count
}

// take reports whether the line being made is to hold a plant, once for each
// time that it is.
func (s *slice) take(p plant) bool {
	if s.planted[p] == 0 {
		return false
	}
	s.planted[p]--
	return true
}
