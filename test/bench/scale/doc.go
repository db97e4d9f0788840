// Package scale measures one operator with many objects on one real API server.
//
//	go test -run '^$' -bench Scale -benchtime 1x -timeout 60m ./test/bench/scale -objects 1000 -rest 10m
package scale
