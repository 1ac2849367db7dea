package server

// FinalReplyCodes are the codes that the table allows each verb, and those
// that every command may have under "".
func FinalReplyCodes() map[string][]int {
	codes := map[string][]int{"": anyCommand()}
	for verb, spec := range commandTable() {
		codes[verb] = append(anyCommand(), spec.codes...)
	}
	return codes
}
