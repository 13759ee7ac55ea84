#!/bin/sh
# The first program of the guest `tiny`: it makes the system usable and becomes the agent.
# The kernel hands on, as variables, words of its command line that it does not know: DRIVERS.

mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t cgroup2 cgroup /sys/fs/cgroup
read -r INIT_UPTIME _ </proc/uptime
export INIT_UPTIME HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

IFS=,
for driver in virtio $DRIVERS; do
    for module in /lib/modules/"$driver"/*; do # the names begin with numbers: what others need, first
        insmod "$module"
    done
done
unset DRIVERS IFS

echo tiny >/proc/sys/kernel/hostname
ip link set lo up
case $ADDRESS in ?*)
    ip address add "$ADDRESS" dev eth0
    ip link set eth0 up
    ;;
esac
unset ADDRESS
echo ready
[ -e /dev/vport0p1 ] || exec sh # nobody speaks to an agent: whoever sits at the console has a shell
exec /sbin/two-boxes-agent
