package plot

import (
	"math"
	"strconv"
	"strings"
)

// mostTicks is how many steps of 1, 2, 5 an axis shows; beyond, powers of ten.
const mostTicks = 9

// scale is a logarithmic axis.
type scale struct {
	steps    []float64 // 1, 2, 5, 10 …, from the axis' one end to its other
	from, to float64   // where these ends are drawn
}

// newScale reaches from the step below all values to the one above.
func newScale(values []float64, from, to float64) scale {
	low, high := math.Inf(1), 0.0
	for _, v := range values {
		low, high = min(low, v), max(high, v)
	}
	s := scale{from: from, to: to}
	for decade := math.Floor(math.Log10(low)); ; decade++ {
		for _, digit := range []float64{1, 2, 5} {
			step := digit * math.Pow(10, decade)
			if len(s.steps) > 0 && step > low && s.steps[len(s.steps)-1] <= low {
				s.steps = s.steps[len(s.steps)-1:]
			}
			s.steps = append(s.steps, step)
			if step >= high && step > low {
				return s
			}
		}
	}
}

func (s scale) at(v float64) float64 {
	low, high := math.Log(s.steps[0]), math.Log(s.steps[len(s.steps)-1])
	return s.from + (math.Log(v)-low)/(high-low)*(s.to-s.from)
}

func (s scale) ticks() (ticks []float64) {
	if len(s.steps) <= mostTicks {
		return s.steps
	}
	for _, step := range s.steps {
		if digits := strconv.FormatFloat(step, 'e', 0, 64); digits[0] == '1' {
			ticks = append(ticks, step)
		}
	}
	return ticks
}

// number writes a tick with commas between thousands.
func number(v float64) string {
	text := strconv.FormatFloat(v, 'f', -1, 64)
	if v < 1 {
		return strconv.FormatFloat(v, 'g', 1, 64)
	}
	var groups []string
	for len(text) > 3 {
		groups = append([]string{text[len(text)-3:]}, groups...)
		text = text[:len(text)-3]
	}
	return strings.Join(append([]string{text}, groups...), ",")
}
