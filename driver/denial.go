package driver

// Denial is the reason why an attempt opens no account. It is for logs and
// counters alone: each is an ErrDenied by errors.Is, and a client is never told
// which it was. Its text is the reason's stable name.
type Denial string

// The reasons.
const (
	// UnknownUser: nobody has that name.
	UnknownUser Denial = "unknown_user"
	// WrongPassword: somebody has, and another password.
	WrongPassword Denial = "wrong_password"
	// WrongCertificate: the account asks for another client certificate.
	WrongCertificate Denial = "wrong_certificate"
	// AccountDisabled: the account is switched off.
	AccountDisabled Denial = "account_disabled"
	// AccountExpired: the account's last day is over.
	AccountExpired Denial = "account_expired"
	// WrongNetwork: the account may not be used from the client's address.
	WrongNetwork Denial = "wrong_network"
	// WrongHour: the account may not be used at this time.
	WrongHour Denial = "wrong_hour"
	// TLSMissing: the account asks for TLS, and the control connection is in
	// clear.
	TLSMissing Denial = "tls_missing"
)

// Error returns the reason.
func (d Denial) Error() string { return "driver: login denied: " + string(d) }

// Unwrap makes every reason an ErrDenied.
func (d Denial) Unwrap() error { return ErrDenied }
