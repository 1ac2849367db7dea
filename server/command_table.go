package server

import (
	"maps"
	"slices"
)

// Verbs are the commands that the server knows, in upper case and sorted.
func Verbs() []string { return slices.Sorted(maps.Keys(commandTable())) }

// commandTable holds every verb that is understood, with the reply codes that
// RFC 959 §5.4 and the RFCs beside each group allow it.
func commandTable() map[string]commandSpec {
	table := make(map[string]commandSpec)
	for _, group := range []map[string]commandSpec{
		accessCommands(), dataCommands(), transferCommands(), fileCommands(), informationCommands(),
	} {
		for verb, spec := range group {
			table[verb] = spec
		}
	}
	return table
}

// accessCommands: RFC 959 §4.1.1, RFC 2228, RFC 4217, RFC 7151.
func accessCommands() map[string]commandSpec {
	return map[string]commandSpec{
		"USER": {syntax: "USER <name>", codes: []int{232, 331}, run: (*session).cmdUSER, anyone: true, needsArg: true},
		"PASS": {syntax: "PASS <password>", codes: []int{230, 503}, run: (*session).cmdPASS, anyone: true},
		"ACCT": {syntax: "ACCT <account>", codes: []int{202}, run: (*session).cmdACCT, anyone: true, needsArg: true},
		"REIN": {syntax: "REIN", codes: []int{220}, run: (*session).cmdREIN, anyone: true},
		"QUIT": {syntax: "QUIT", codes: []int{221}, run: (*session).cmdQUIT, anyone: true},
		"HOST": {syntax: "HOST <name>", codes: []int{220, 503, 504}, run: (*session).cmdHOST, anyone: true, needsArg: true},
		"AUTH": {syntax: "AUTH TLS", codes: []int{234, 502, 503, 504}, run: (*session).cmdAUTH, anyone: true, needsArg: true},
		"PBSZ": {syntax: "PBSZ 0", codes: []int{200, 503}, run: (*session).cmdPBSZ, anyone: true, needsArg: true},
		"PROT": {syntax: "PROT P|C", codes: []int{200, 503, 504, 534, 536}, run: (*session).cmdPROT, anyone: true, needsArg: true},
		"CCC":  {syntax: "CCC", codes: []int{200, 533, 534}, run: (*session).cmdCCC, anyone: true},
		"SMNT": {syntax: "SMNT <path>", codes: []int{502}, run: (*session).cmdNotHere, needsArg: true},
	}
}

// dataCommands: RFC 959 §4.1.2, RFC 2428.
func dataCommands() map[string]commandSpec {
	return map[string]commandSpec{
		"PASV": {syntax: "PASV", codes: []int{227, 425, 502}, run: (*session).cmdPASV},
		"EPSV": {syntax: "EPSV [1|2|ALL]", codes: []int{200, 229, 425, 502, 522}, run: (*session).cmdEPSV},
		"PORT": {syntax: "PORT h1,h2,h3,h4,p1,p2", codes: []int{200, 425, 502}, run: (*session).cmdPORT, needsArg: true},
		"EPRT": {syntax: "EPRT |1|<address>|<port>|", codes: []int{200, 425, 502, 522}, run: (*session).cmdEPRT, needsArg: true},
		"TYPE": {syntax: "TYPE A|I|L 8", codes: []int{200, 504}, run: (*session).cmdTYPE, needsArg: true},
		"MODE": {syntax: "MODE S", codes: []int{200, 504}, run: (*session).cmdMODE, needsArg: true},
		"STRU": {syntax: "STRU F|R", codes: []int{200, 504}, run: (*session).cmdSTRU, needsArg: true},
	}
}

// transferCommands: RFC 959 §4.1.3, RFC 1123 §4.1.2, RFC 3659 §5 and §7.
func transferCommands() map[string]commandSpec {
	outcomes := []int{150, 226, 425, 426, 450, 451, 521, 522, 552, 553, 554}
	return map[string]commandSpec{
		"RETR": {syntax: "RETR <path>", codes: outcomes, run: (*session).cmdTransfer, needsArg: true},
		"STOR": {syntax: "STOR <path>", codes: outcomes, run: (*session).cmdTransfer, needsArg: true},
		"APPE": {syntax: "APPE <path>", codes: outcomes, run: (*session).cmdTransfer, needsArg: true},
		"STOU": {syntax: "STOU [<directory>]", codes: outcomes, run: (*session).cmdSTOU},
		"LIST": {syntax: "LIST [-altrS1R] [<path or pattern>]", codes: outcomes, run: (*session).cmdList},
		"NLST": {syntax: "NLST [-altrS1R] [<path or pattern>]", codes: outcomes, run: (*session).cmdList},
		"MLSD": {syntax: "MLSD [<path>]", codes: outcomes, run: (*session).cmdList},
		"REST": {syntax: "REST <offset>", codes: []int{350, 504}, run: (*session).cmdREST, needsArg: true},
		"ALLO": {syntax: "ALLO <bytes> [R <bytes>]", codes: []int{202}, run: (*session).cmdALLO, needsArg: true},
		"ABOR": {syntax: "ABOR", codes: []int{226}, run: (*session).cmdABOR, immediate: true},
	}
}

// fileCommands: RFC 959 §4.1.3, RFC 3659, draft-somers-ftp-mfxx, draft-bryan-ftpext-hash.
func fileCommands() map[string]commandSpec {
	table := map[string]commandSpec{
		"CWD":  {syntax: "CWD <path>", codes: []int{250}, run: (*session).cmdCWD, needsArg: true},
		"CDUP": {syntax: "CDUP", codes: []int{200, 250}, run: (*session).cmdCDUP},
		"PWD":  {syntax: "PWD", codes: []int{257}, run: (*session).cmdPWD},
		"MKD":  {syntax: "MKD <path>", codes: []int{257, 553}, reword: (*session).rewordMKD, needsArg: true},
		"RMD":  {syntax: "RMD <path>", codes: []int{250}, reword: (*session).rewordDone, needsArg: true},
		"DELE": {syntax: "DELE <path>", codes: []int{250, 450}, reword: (*session).rewordDone, needsArg: true},
		"RNFR": {syntax: "RNFR <path>", codes: []int{350, 450}, reword: (*session).rewordRNFR, needsArg: true},
		"RNTO": {syntax: "RNTO <path>", codes: []int{250, 503, 552, 553}, reword: (*session).rewordDone, needsArg: true},
		"SIZE": {syntax: "SIZE <path>", codes: []int{213, 450}, run: (*session).cmdSIZE, needsArg: true},
		"MDTM": {syntax: "MDTM <path>", codes: []int{213}, needsArg: true},
		"MFMT": {syntax: "MFMT <YYYYMMDDhhmmss> <path>", codes: []int{213}, run: (*session).cmdMFMT, needsArg: true},
		"MFF":  {syntax: "MFF Modify=<YYYYMMDDhhmmss>;UNIX.mode=<octal>; <path>", codes: []int{213, 504}, run: (*session).cmdMFF, needsArg: true},
		"MLST": {syntax: "MLST [<path>]", codes: []int{250}, run: (*session).cmdMLST},
		"AVBL": {syntax: "AVBL [<directory>]", codes: []int{213}},
		"RANG": {syntax: "RANG <first> <last>", codes: []int{350}, run: (*session).cmdRANG, needsArg: true},
		"HASH": {syntax: "HASH <path>", codes: []int{213, 426, 450, 556}, run: (*session).cmdHASH, needsArg: true},
		"SITE": {syntax: "SITE <command>, see SITE HELP", codes: []int{200, 211, 213, 214, 250, 257, 350, 426, 451, 503, 504, 552, 553}, run: (*session).cmdSITE, needsArg: true},
	}
	for verb := range checksumVerbs() {
		table[verb] = commandSpec{syntax: verb + " <path> [<first> <end>]", codes: []int{250, 426, 450}, run: (*session).cmdChecksum, needsArg: true}
	}
	for old, verb := range oldNames() {
		spec := table[verb]
		if spec.run == nil {
			spec.run = func(s *session, c command) string { return s.engineLine(verb, c.arg) }
		}
		table[old] = spec
	}
	return table
}

// oldNames are the names that some commands had in RFC 775, and their own.
func oldNames() map[string]string {
	return map[string]string{"XCWD": "CWD", "XCUP": "CDUP", "XPWD": "PWD", "XMKD": "MKD", "XRMD": "RMD"}
}

// informationCommands: RFC 959 §4.1.3, RFC 2389, RFC 2640.
func informationCommands() map[string]commandSpec {
	return map[string]commandSpec{
		"CLNT": {syntax: "CLNT <name>", codes: []int{200}, run: (*session).cmdCLNT, anyone: true, needsArg: true},
		"FEAT": {syntax: "FEAT", codes: []int{211}, run: (*session).cmdFEAT, anyone: true},
		"HELP": {syntax: "HELP [<command>]", codes: []int{211, 214, 502}, run: (*session).cmdHELP, anyone: true},
		"LANG": {syntax: "LANG [EN]", codes: []int{200, 504}, run: (*session).cmdLANG, anyone: true},
		"NOOP": {syntax: "NOOP", codes: []int{200}, run: (*session).cmdNOOP, anyone: true, immediate: true},
		"OPTS": {syntax: "OPTS UTF8|MLST|HASH ...", codes: []int{200, 501, 504}, run: (*session).cmdOPTS, anyone: true, needsArg: true},
		"STAT": {syntax: "STAT [<path>]", codes: []int{211, 212, 213, 450}, run: (*session).cmdSTAT, immediate: true},
		"SYST": {syntax: "SYST", codes: []int{215}, run: (*session).cmdSYST, anyone: true},
	}
}
