package server

// FinalReplyCodes are the codes that the table allows a verb.
func FinalReplyCodes(verb string) []int {
	return append(anyCommand(), commandTable()[verb].codes...)
}
