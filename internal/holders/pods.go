package holders

import (
	"context"
	"os"
	"slices"
	"strings"
)

// PodLogs is where a kubelet keeps a folder for each pod of its node, named
// namespace_name_uid: the one place on a node that tells both names of a uid.
const PodLogs = "/var/log/pods"

// Pods gives the pods that another Looker sees their names.
type Pods struct {
	Looker

	Logs string // PodLogs, or another place
	// Own is namespace/name of the pod that livekey itself runs in, empty where it runs in
	// none: every process that it sees there is of this pod.
	Own string
}

// Look is that of the Looker. A pod whose name nobody tells keeps its uid.
func (p Pods) Look(ctx context.Context, w Wanted) (Scan, error) {
	scan, err := p.Looker.Look(ctx, w)
	if err != nil {
		return scan, err
	}
	alone := p.Own != "" && slices.Contains(scan.Unseen, OutOfSight)
	var names map[string]string
	for i := range scan.Sightings {
		switch s := &scan.Sightings[i]; {
		case s.PID != 0 && alone:
			s.Pod = p.Own
		case s.Pod != "":
			if names == nil {
				names = podNames(p.Logs)
			}
			if name, known := names[s.Pod]; known {
				s.Pod = name
			}
		}
	}
	return scan, nil
}

var podFolder = lazily(`^([a-z0-9][a-z0-9-]{0,62})_([a-z0-9][a-z0-9.-]{0,252})_([0-9a-f-]{32,36})$`)

// podNames maps uids to namespace/name. Where the folder cannot be read there are none.
func podNames(logs string) map[string]string {
	names := map[string]string{}
	folders, _ := os.ReadDir(logs)
	for _, f := range folders {
		if m := podFolder().FindStringSubmatch(f.Name()); m != nil {
			names[m[3]] = m[1] + "/" + m[2]
		}
	}
	return names
}

// OwnPod is namespace/name of the pod of a process with this environment, as its manifest
// says by the downward API: POD_NAMESPACE and POD_NAME. Empty: it says nothing.
func OwnPod(getenv func(string) string) string {
	name := getenv("POD_NAMESPACE") + "/" + getenv("POD_NAME")
	if strings.HasPrefix(name, "/") || strings.HasSuffix(name, "/") {
		return ""
	}
	return name
}
