package holders

import (
	"cmp"
	"fmt"
	"maps"
	"os/user"
	"slices"
	"strconv"
)

// users are names by uid, each looked up once.
type users map[int]string

func (u users) name(uid int) string {
	name, ok := u[uid]
	if !ok {
		name = UserName(uid)
		u[uid] = name
	}
	return name
}

// UserName is the uid in digits where nobody has it: by this name sightings of every
// Looker tell whose they are.
func UserName(uid int) string {
	name := strconv.Itoa(uid)
	if found, err := user.LookupId(name); err == nil && found.Username != "" {
		return found.Username
	}
	return name
}

// unseen counts, by user, the processes that did not show their environment.
type unseen map[int]int

func (u unseen) count(uid int) { u[uid]++ }

// lines are in the order of the users' names.
func (u unseen) lines(names users) (lines []string) {
	byName := func(a, b int) int { return cmp.Compare(names.name(a), names.name(b)) }
	for _, uid := range slices.SortedFunc(maps.Keys(u), byName) {
		what := "%d processes of user %s: livekey may not read their environment"
		if u[uid] == 1 {
			what = "%d process of user %s: livekey may not read its environment"
		}
		lines = append(lines, fmt.Sprintf(what, u[uid], names.name(uid)))
	}
	return lines
}
