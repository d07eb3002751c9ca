package host

// Request is a request as it crosses.
type Request struct {
	Method, URL string
	Header      map[string]string
	Body        []byte
	Attempt     uint32
}

// Outcome is what came of it: Problem is empty where the server replied.
type Outcome struct {
	Status  int
	Header  [][2]string
	Body    []byte
	Problem string
	Message string
}
