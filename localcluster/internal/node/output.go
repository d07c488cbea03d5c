package node

import (
	"errors"
	"os"
	"sync"

	"modelservice.dev/localcluster/internal/container"
)

// output carries a container's two streams into its log. The write ends are files, so that the
// process holds them itself and the readers end with the last process that does.
type output struct {
	stdout, stderr *os.File
	log            *container.LogFile
	readers        sync.WaitGroup
}

func newOutput(log *container.LogFile) (*output, error) {
	o := &output{log: log}
	var failures []error
	for name, end := range map[string]**os.File{"stdout": &o.stdout, "stderr": &o.stderr} {
		reader, writer, err := os.Pipe()
		if err != nil {
			failures = append(failures, err)
			continue
		}
		*end = writer
		o.readers.Add(1)
		go func() {
			defer o.readers.Done()
			defer reader.Close()
			log.Copy(name, reader)
		}()
	}
	return o, errors.Join(failures...)
}

// started closes our copies of the write ends.
func (o *output) started() {
	o.stdout.Close()
	o.stderr.Close()
}

// wait waits for the last line and closes the log.
func (o *output) wait() {
	o.readers.Wait()
	o.log.Close()
}
