package tests

import (
	"testing"

	"callboard"
)

// Scale adds a column for each column of float64 that there is.
type Scale struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`

	in  []callboard.In[float64]
	out []callboard.Out[float64]
}

func (s *Scale) Declare(shape *callboard.Shape) error {
	if s.Low >= s.High {
		return callboard.ConfigError("/low", "%v is not less than `high`, %v", s.Low, s.High)
	}
	for _, field := range shape.Input() {
		if field.Type.Kind != callboard.Float64 {
			continue
		}
		in, err := callboard.Read[float64](shape, field.Name)
		if err != nil {
			return err
		}
		s.in = append(s.in, in)
		s.out = append(s.out, callboard.Write[float64](shape, field.Name+"_scaled"))
	}
	return nil
}

func (s *Scale) Row(row callboard.Row) error {
	for i, in := range s.in {
		s.out[i].Set((in.Or(row, s.Low) - s.Low) / (s.High - s.Low))
	}
	return nil
}

func TestAShapeMayDependOnTheInput(t *testing.T) {
	rows := one(`{"a": 0.5, "b": "x", "c": 4.5}`, `{"a": null, "b": "y", "c": 2.5}`)
	expect(t, transform(&Scale{High: 2}), ``, rows,
		`{"a":0.5,"b":"x","c":4.5,"a_scaled":0.25,"c_scaled":2.25}`,
		`{"a":null,"b":"y","c":2.5,"a_scaled":0,"c_scaled":1.25}`)
	expect(t, transform(&Scale{High: 2}), ``, one(`{"b": "x"}`), `{"b":"x"}`)
	expectError(t, transform(&Scale{}), ``, rows, callboard.BadConfig, "/low", "0 is not less than `high`, 0")
}
