#!/bin/sh
# Does in the guest what the host asks for, one command after another. Two virtio ports lead to
# the host; each is a file that only one process can open, and that it keeps open.
#
# Port 1, from the host: NUL, number of bytes in the command, NUL, the command, NUL.
#         To the host:   exit code, bytes of stdout, bytes of stderr, end of line; those bytes.
# Port 2, from the host: NUL, which kills the command that runs and all that it started.
#         To the host:   the same, when that is done.
#
# A worker is started before its command comes, so that nobody waits for that. The agent answers
# itself only when the worker cannot. All this runs in busybox ash and in bash.

here=/run/two-boxes # the command's output goes to files: a pipe can be held open for ever

answer() {
    if [ -s $here/out ] || [ -s $here/err ]; then
        # What still runs in the background may write more meanwhile: take these bytes only.
        set -- "$1" $(stat -c %s $here/out $here/err)
        echo "$@" >&3
        head -c "$2" $here/out >&3
        head -c "$3" $here/err >&3
    else
        echo "$1 0 0" >&3
    fi
}

work() {
    echo 0 >"$groups/command/cgroup.procs" # 0: the process that writes
    echo 0 >/proc/self/oom_score_adj
    : >$here/answered
    cd /
    exec </dev/null >$here/out 2>$here/err
    _command= _size=-
    # When a command was cut off half-way, what comes next is the rest of it: size and text differ.
    until [ "${#_command}" = "$_size" ]; do
        IFS= read -r -d '' _size <&3 || sleep 1 # nobody listens at the other end
        case $_size in '' | *[!0-9]*) _size=- && continue ;; esac
        IFS= read -r -d '' _command <&3
    done
    case $_command in *'$$'*) exec sh -c "$_command" 3>&- ;; esac # in a subshell $$ is the agent
    eval "$_command" 3>&-
    answer $?
    echo yes >$here/answered
}

kill_on_request() {
    while :; do
        if IFS= read -r -d '' _ <&4; then
            echo 1 >"$groups/command/cgroup.kill"
            printf '\0' >&4
        else
            sleep 1
        fi
    done
}

clear_away() {
    # What the command left in the background goes on, out of the next command's reach.
    while read -r left; do
        echo "$left" >"$groups/background/cgroup.procs"
        rm -f $here/out $here/err
    done <"$groups/command/cgroup.procs" 2>/dev/null
}

read -r groups </proc/self/cgroup # such as "0::/system.slice/two-boxes-agent.service"
groups=/sys/fs/cgroup${groups#0::}
mkdir -p $here "$groups/command" "$groups/background"
echo -1000 >/proc/self/oom_score_adj
exec 3<>/dev/vport0p1 4<>/dev/vport0p2
kill_on_request 3>&- &
read -r uptime _ </proc/uptime
echo "ready $uptime $INIT_UPTIME" >&3
unset INIT_UPTIME uptime
while :; do
    (work) 4>&-
    code=$?
    [ -s $here/answered ] || answer $code # it became another program, or was killed
    clear_away
done
