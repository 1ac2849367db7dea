// Package migrate knows the settings of other FTP servers: what takes their
// place in Portico's configuration, and what has no place there. From one table
// for each server come docs/migrate.md and what `portico config import` does.
package migrate
