"""The guests of this lesson: a few bytes of machine code each, beside what they say.

Every opcode is in Intel's Software Developer's Manual, volume 2. Those of COUNT, TALK and
HUSH mean the same in real mode and in 64-bit mode. FLAGS is no guest: it is for a bare processor.
"""

from __future__ import annotations

ALPHABET = """
ba f8 03    mov dx, 0x3f8   the first serial port of a PC
b0 41       mov al, 'A'
ee          out dx, al
40          inc ax          al is the low half of ax
3c 5b       cmp al, 'Z'+1
75 fa       jnz -6          back to the out, six bytes before the next instruction
f4          hlt
"""

ROLL = """
ba f8 03    mov dx, 0x3f8
e4 40       in al, 0x40     ask the device on port 0x40
04 30       add al, '0'     from a number to its digit
ee          out dx, al
f4          hlt
"""

FOREVER = """
eb fe       jmp -2          to itself
"""

COUNT = """
b0 0f       mov al, 15
b1 ff       mov cl, 0xff
b5 ff       mov ch, 0xff    cx is now 65,535
e2 fe       loop -2         one less in cx, and again until it is zero
04 ff       add al, 255     one less in al: a byte wraps around
75 f6       jnz -10         back to the mov cl
f4          hlt
"""

TALK = """
b1 e8       mov cl, 0xe8
b5 03       mov ch, 0x03    cx is now 1,000
e6 10       out 0x10, al
e2 fc       loop -4
f4          hlt
"""

HUSH = """
b1 e8       mov cl, 0xe8
b5 03       mov ch, 0x03
04 00       add al, 0       as long as the out of TALK, and nobody hears it
e2 fc       loop -4
f4          hlt
"""

STORE = """
b0 2a       mov al, 42
a2 00 20    mov [0x2000], al
f4          hlt
"""

FLAGS = """
9c                          pushf              all flags, onto the stack
48 81 24 24 ff fd ff ff     and [rsp], ~0x200  clear the interrupt flag there
9d                          popf               and put them back
9c                          pushf
58                          pop rax            what they are now
c3                          ret
"""


def code(listing: str) -> bytes:
    """The bytes in the left column of a listing."""
    return bytes.fromhex("".join(line.split("  ")[0] for line in listing.splitlines()))
