// Smoke is the workload of smoke.sh: a server that tells what it sees of a request and of its network.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"time"
)

func main() {
	if len(os.Args) > 1 {
		fmt.Println("smoke") // something for "kubectl exec" to run
		return
	}
	http.HandleFunc("/", echo)
	http.HandleFunc("/fetch", fetch)
	http.HandleFunc("/lookup", lookup)
	http.HandleFunc("/stream", stream)
	srv := &http.Server{Addr: ":8080", ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(srv.ListenAndServe())
}

func echo(w http.ResponseWriter, r *http.Request) {
	host, _ := os.Hostname()
	json.NewEncoder(w).Encode(map[string]any{"pod": host, "host": r.Host, "path": r.URL.Path, "header": r.Header}) //nolint:errcheck // the client has gone
}

// lookup answers with the addresses of ?name= as the pod's own DNS gives them.
func lookup(w http.ResponseWriter, r *http.Request) {
	addrs, err := net.DefaultResolver.LookupHost(r.Context(), r.URL.Query().Get("name"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	fmt.Fprintln(w, addrs)
}

// fetch answers with what a GET of ?url= gives: the status or the error.
func fetch(w http.ResponseWriter, r *http.Request) {
	req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, r.URL.Query().Get("url"), http.NoBody)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		fmt.Fprintln(w, err)
		return
	}
	resp.Body.Close()
	fmt.Fprintln(w, resp.Status)
}

// stream sends an event and goes on for longer than anybody waits for it: a proxy
// that buffers would deliver it only then.
func stream(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	fmt.Fprint(w, "data: 0\n\n")
	http.NewResponseController(w).Flush()
	select {
	case <-r.Context().Done():
	case <-time.After(time.Minute):
	}
}
