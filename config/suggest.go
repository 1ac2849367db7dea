package config

import (
	"slices"
	"strings"
)

// unknown words the fault of a name that is none of the accepted ones.
func unknown(what, name string, accepted []string) string {
	var text strings.Builder
	text.WriteString("unknown " + what)
	if near, found := nearest(name, accepted); found {
		text.WriteString(", did you mean " + near + "?")
	} else {
		text.WriteString(":")
	}
	text.WriteString(" accepted here: " + strings.Join(accepted, ", "))
	return text.String()
}

// nearest returns the accepted name that is a slip of the keyboard away.
func nearest(name string, accepted []string) (string, bool) {
	if len(accepted) == 0 {
		return "", false
	}
	name = strings.ToLower(name)
	best := slices.MinFunc(accepted, func(a, b string) int {
		return editDistance(name, strings.ToLower(a)) - editDistance(name, strings.ToLower(b))
	})
	distance := editDistance(name, strings.ToLower(best))
	return best, distance <= max(2, len(best)/3) && distance < len(best)-1
}

// editDistance is the Levenshtein distance: how many characters must be put
// in, taken out or replaced to turn a into b.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
