package config

import _ "embed" // schema.json

//go:embed schema.json
var schemaJSON string

// Schema returns the JSON schema (draft 2020-12) of the file format, for
// editors and for checks that do not run the server. It cannot say what
// Validate checks between keys.
func Schema() string { return schemaJSON }
