// Mkimage writes a container image of a few files as a tar, where there is no Docker engine to build one.
//
//	mkimage -o out.tar -tag registry.local/x:1 -user 65532:65532 -entrypoint /x  bin/x=/x  certs.pem=/etc/ssl/certs/ca-certificates.crt
//
// The tar is an OCI image layout with a Docker manifest beside it, so that "ctr images import", "docker load" and
// "podman load" all take it. The same input gives the same bytes: every timestamp is the epoch, every owner root.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

func main() {
	if err := run(os.Args[1:], os.Stderr); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "mkimage:", err)
		}
		os.Exit(1)
	}
}

// list is a flag that may be given more than once.
type list []string

func (l *list) String() string     { return strings.Join(*l, ",") }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }

func run(args []string, stderr io.Writer) error {
	var (
		img                                        image
		out                                        string
		tags, entrypoint, cmd, env, labels, expose list
	)
	flags := flag.NewFlagSet("mkimage", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&out, "o", "", "the tar to write (required)")
	flags.Var(&tags, "tag", "name:tag of the image; may be repeated (required)")
	flags.Var(&entrypoint, "entrypoint", "one word of the entrypoint; repeat for more")
	flags.Var(&cmd, "cmd", "one word of the default arguments; repeat for more")
	flags.Var(&env, "env", "KEY=VALUE; may be repeated")
	flags.Var(&labels, "label", "KEY=VALUE; may be repeated")
	flags.Var(&expose, "expose", "port or port/protocol; may be repeated")
	flags.StringVar(&img.Config.User, "user", "", "uid[:gid]; default root")
	flags.StringVar(&img.Config.WorkingDir, "workdir", "/", "working directory")
	flags.StringVar(&img.Architecture, "arch", runtime.GOARCH, "architecture of the files")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if out == "" || len(tags) == 0 || flags.NArg() == 0 {
		return errors.New("need -o, -tag and at least one FILE=/PATH/IN/IMAGE")
	}

	img.Config.Entrypoint, img.Config.Cmd, img.Config.Env = entrypoint, cmd, env
	var err error
	if img.Config.Labels, err = pairs(labels); err != nil {
		return err
	}
	img.Config.ExposedPorts = ports(expose)

	layer, err := buildLayer(flags.Args())
	if err != nil {
		return err
	}
	return writeFile(out, func(w io.Writer) error { return writeImage(w, img, layer, tags) })
}

func pairs(kvs []string) (map[string]string, error) {
	out := map[string]string{}
	for _, kv := range kvs {
		k, v, ok := strings.Cut(kv, "=")
		if !ok || k == "" {
			return nil, fmt.Errorf("%q is not KEY=VALUE", kv)
		}
		out[k] = v
	}
	return out, nil
}

func ports(list []string) map[string]struct{} {
	out := map[string]struct{}{}
	for _, p := range list {
		if !strings.Contains(p, "/") {
			p += "/tcp"
		}
		out[p] = struct{}{}
	}
	return out
}

// writeFile leaves either the whole file or none: a reader never sees half an image.
func writeFile(path string, write func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	if err := errors.Join(write(f), f.Chmod(0o644), f.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return os.Rename(f.Name(), path)
}
