package admin

// Route is an operation as the description names it.
type Route struct {
	Operation string
	Role      Role
}

// Routes are all operations of the API.
func Routes() []Route {
	var all []Route
	for _, r := range apiRoutes() {
		all = append(all, Route{r.method + " " + r.path, r.role})
	}
	return all
}

// MaxConns is how many clients there may be.
const MaxConns = maxConns

// Hurry makes the times of clients short.
func (a *Admin) Hurry() { a.http.ReadHeaderTimeout, a.http.ReadTimeout = 1, 1 }
