// Package httpusers asks a web server who may log in.
//
// A program that does:
//
//	source, err := httpusers.New(httpusers.Options{
//		URL:    "https://accounts.example.org/ftp/login",
//		Secret: os.Getenv("LOGIN_SECRET"),
//	})
//	if err != nil {
//		log.Fatal(err)
//	}
//	defer source.Close()
//	users, err := driver.NewUsers(nil, driver.UsersOptions{
//		Sources:  []driver.Source{source},
//		Defaults: driver.User{Permissions: driver.AllPermissions},
//	})
//
// # The question
//
// Each attempt is a POST with a JSON body, see [Question], and these headers:
//
//	Content-Type         application/json
//	Authorization        Bearer TOKEN, with Options.Token
//	X-Portico-Timestamp  Unix seconds, with Options.Secret
//	X-Portico-Signature  "sha256=" and, in hexadecimal, the HMAC-SHA256 of the
//	                     timestamp, a dot and the body under the secret, likewise;
//	                     Verify checks it
//
// # The answer
//
// The status says how the question is answered:
//
//	200  the password is right, and the body is the account, see Account
//	401  the name is known and the password wrong
//	403  the name is known and may not log in
//	404  the name is unknown: the next source is asked
//
// Everything else is no answer: the attempt fails, and no other source is asked.
// So is an answer whose Content-Type is not application/json, for a 404 may also
// come from a web server that knows nothing of users; one that is longer than
// 64 KiB; one with keys that mean nothing; a redirect; and none within Timeout.
//
// # What it does not do
//
// It does not ask without a password, and not about names and passwords that
// are not UTF-8, which JSON cannot carry. It keeps no password: answers are
// remembered, if that is wanted, under a key that cannot be read back.
package httpusers
