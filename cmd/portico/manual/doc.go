// Package manual writes the pages that tell of every setting and every command:
//
//	docs/configuration.md  Configuration
//	docs/portico.yaml.5    ConfigurationPage
//	docs/portico.1         CommandPage
//
// They are made from what the program itself is made of: the fields of
// config.Config with their doc comments, types and defaults, and the commands
// with their help texts. `make docs` makes them anew; a test of cmd/portico
// fails while they are not current. The program links none of this.
//
// The man pages are not those of cobra's own generator: that one makes a page
// for each command, and takes the help texts for Markdown.
package manual
