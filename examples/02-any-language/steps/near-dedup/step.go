package main

import (
	"fmt"
	"math/bits"

	"callboard"
)

// NearDedup is the step: its configuration and the column it reads.
type NearDedup struct {
	_ callboard.About `version:"0.1.0" doc:"Keeps the first of rows whose fingerprints differ in few bits."`

	Fingerprint callboard.In[uint64] `json:"column" column:"simhash" doc:"The column of fingerprints."`
	Bits        int                  `json:"bits" minimum:"0" maximum:"3" doc:"Fingerprints that differ in so many bits or fewer are taken for one."`
}

func main() {
	callboard.Global(&NearDedup{Bits: 3}) // the defaults
}

// Two fingerprints that differ in three bits have one quarter in common: only those with a quarter in common are compared.
const quarters = 4

type quarter struct {
	place int
	bits  uint16
}

// Run goes through the rows once.
func (s *NearDedup) Run(inputs []*callboard.Input, output *callboard.Writer) error {
	seen := map[quarter][]uint64{}
	for row := range inputs[0].Rows() {
		fingerprint, _ := s.Fingerprint.Get(row)
		if near, ok := s.near(seen, fingerprint); ok {
			output.Drop(row.Number(), fmt.Sprintf("differs in %d bits", bits.OnesCount64(near^fingerprint)))
			continue
		}
		output.Keep(row.Number())
		for place := range quarters {
			key := quarter{place, uint16(fingerprint >> (16 * place))}
			seen[key] = append(seen[key], fingerprint)
		}
	}
	return nil
}

// near is a fingerprint that was kept and differs from this one in few bits.
func (s *NearDedup) near(seen map[quarter][]uint64, fingerprint uint64) (uint64, bool) {
	for place := range quarters {
		for _, other := range seen[quarter{place, uint16(fingerprint >> (16 * place))}] {
			if bits.OnesCount64(other^fingerprint) <= s.Bits {
				return other, true
			}
		}
	}
	return 0, false
}
