"""What to say to whoever got nearly there: a nudge, a step, nearly the solution."""

from __future__ import annotations

KINDS = (
    "Which three answers are there?",
    'They are texts: "type 1", "type 2" and "both".',
    'Each way through the function ends with a `return`, such as `return "both"`.',
)
LAYERS = (
    "Stacks differ in height. In which layer is the hypervisor of this one?",
    'A layer is a list of its own: ask `"hypervisor" in layer` of each.',
    '`place = next(n for n, layer in enumerate(layers) if "hypervisor" in layer)`',
)
BENEATH = (
    "On what does this hypervisor stand?",
    "Find its layer, and look at the one just beneath. Is that the bare hardware?",
    '`if layers[place - 1] != ["hardware"]: return "type 2"`, where `place` is its layer.',
)
SAME_LAYER = (
    "There is an operating system. Is it beneath the hypervisor?",
    "The two share a layer: the hypervisor is a part of that kernel, and stands on the hardware.",
    'Only where `layers[place - 1]` is not `["hardware"]` is the answer "type 2".',
)
BESIDE = (
    "What does this hypervisor run?",
    "Look at the layer just above it: is there anything that is no guest?",
    '`set(layers[place + 1]) == {"guest"}` is true where its guests are alone.',
)
INSIDE = (
    "Who runs what stands at the top of this stack?",
    "What is above the guests runs inside of them. Beside them is what shares their layer.",
    '`set(layers[place + 1]) == {"guest"}`, and no look at what is higher.',
)

NO_OPCODE = (
    "How does `mov` know which register is meant?",
    "The register's number is in the opcode, so `mov` looks at `cpu.opcode`.",
    "Keep what you fetch: `cpu.opcode = fetch(cpu)`.",
)
NOT_DONE = (
    "You have the opcode. Who knows what it means?",
    "`EXECUTE` has a function for each opcode, and that function wants `cpu`.",
    "`EXECUTE.get(cpu.opcode, unknown)(cpu)`",
)
PASSED_OVER = (
    "A guest that goes on after an instruction nobody did is worse than one that stops.",
    "`unknown` says which opcode is missing: call it for those that the table has not.",
    "`EXECUTE.get(cpu.opcode, unknown)(cpu)`",
)
BYTE_ORDER = (
    "Which of the two bytes comes first?",
    "x86 is little-endian: the low byte stands first.",
    "`fetch(cpu) | fetch(cpu) << 8`",
)
ONE_BYTE = (
    "How long is a word?",
    "Every byte that an instruction owns has to be fetched, or it is taken for an opcode.",
    "`fetch(cpu) | fetch(cpu) << 8`",
)
WRONG_REGISTER = (
    "The last three bits of the opcode ba are the number of dx.",
    "`cpu.opcode & 7` is 2, and `cpu.word[2]` is dx.",
    "`cpu.word[cpu.opcode & 7] = fetch(cpu) | fetch(cpu) << 8`",
)
WRAP = (
    "What comes after 255 in a byte, and before 0?",
    "A register has so many bits and no more: what does not fit is lost.",
    "`& 0xFF` keeps eight bits, `& 0xFFFF` sixteen. Take them before you look for zero.",
)
ZERO_FLAG = (
    "A `jnz` looks at one thing only. Who has to set it?",
    "Arithmetic sets the zero flag: True when the result is 0, else False.",
    "End with `cpu.zero = cpu.byte[AL] == 0`, or the same of the word register.",
)
SUM = (
    "Do the sum on paper first.",
    "04 adds the byte that follows to al; 40 to 47 are inc and 48 to 4f dec of a word register.",
    "`cpu.opcode & 7` is the register; `cpu.opcode & 8` is 0 for inc and 8 for dec.",
)
FORWARD = (
    "From where does a distance count?",
    "It counts from the next instruction: where the pointer is when the distance is fetched.",
    "`distance = fetch(cpu)`, and only then `cpu.ip = (cpu.ip + distance) & 0xFFFF`.",
)
BACKWARD = (
    "How would you write −2 in one byte?",
    "0 to 127 mean themselves, 128 to 255 mean −128 to −1.",
    "`signed = distance - 256 if distance > 127 else distance`",
)
NOT_TAKEN = (
    "What does the processor fetch after a jump that it does not take?",
    "The distance belongs to the jump, taken or not. It has to be fetched.",
    "`distance = fetch(cpu)` stands before `if taken:`.",
)
AROUND = (
    "Which addresses does a pointer of sixteen bits have?",
    "Before 0 comes 0xFFFF.",
    "`cpu.ip = (cpu.ip + signed) & 0xFFFF`",
)

PLUG = (
    "Which call of the table gives a virtual machine its memory?",
    "`KVM_SET_USER_MEMORY_REGION` takes 32 bytes: slot, flags, address, size, and where ours is.",
    '`ioctl(guest.vm, KVM_SET_USER_MEMORY_REGION, pack("=IIQQQ", 0, 0, 0, size, ours))`',
)
WHOSE_MEMORY = (
    "A machine may have many processors. How many memories?",
    "Memory belongs to the virtual machine, not to one of its processors.",
    "The first argument is `guest.vm`.",
)
SIZE = (
    "How many bytes does `guest.memory` have?",
    "A region of size 0 takes memory away; a shorter one leaves a hole.",
    "The fourth number is `len(guest.memory)`.",
)
OURS = (
    "Where does our memory begin, as the processor sees it?",
    "An mmap is a Python object; what counts is the address of its first byte.",
    "`addressof(c_char.from_buffer(guest.memory))`",
)
FIELDS = (
    "The kernel wrote five fields at `EXIT_DATA`. Which of them do you need?",
    "In order: is it an out, how wide, which port, how many, where in `guest.state` the byte is.",
    '`is_out, _, port, _, place = unpack_from("=BBHIQ", guest.state, EXIT_DATA)`',
)
DIRECTION = (
    "Whose byte is it, the guest's or the device's?",
    "The first field is 1 for an `out`, when the guest gives, and 0 for an `in`, when it takes.",
    "`if is_out: bus[port].write(...)`, else `guest.state[place] = bus[port].read()`.",
)
PLACE = (
    "The kernel does not promise where it puts the byte. It tells you.",
    "The last field counts from the beginning of `guest.state`.",
    "`guest.state[place]`",
)
EMPTY = (
    "What if a guest asks a port where nothing is plugged in?",
    "`bus[port]` then gives a device that reads 255; `bus.get(port)` gives None.",
    "`bus[port].read()`",
)
AGAIN = (
    "What does a guest want after its device has answered?",
    "It wants to go on: `enter` it again, until it comes out for another reason than a device.",
    "`while (reason := enter(guest)) == EXIT_IO:` and below it `answer(guest, bus)`.",
)
ENDING = (
    "The reason is a number. Who turns it into a word?",
    "`ENDINGS` has the words; some reasons are not in it.",
    '`return ENDINGS.get(reason, f"exit {reason}")`',
)
EXIT_FLAG = (
    "The thread is out of the guest. What keeps `enter` from going back in?",
    "`enter` looks at one byte of the shared page before each round.",
    "`guest.state[IMMEDIATE_EXIT] = 1`",
)
SIGNAL = (
    "The flag is set. But who reads it while the guest runs?",
    "Nobody: the thread is in the guest. A signal to that thread gets it out.",
    "`pthread_kill(thread, SIGURG)`",
)
BYTES = (
    "A device has `read` and `write`; a program has only instructions that the toy knows.",
    "`read` returns a number from 0 to 255. The toy knows b0 to bf, 04, 3c, 40 to 4f, 74, 75, "
    "e2, e4, e6, eb, ec, ee and f4.",
    "Take `guests.ROLL` and change its port to yours; begin the class with `(Device)`.",
)
HALT = (
    "How does the processor know that your program is over?",
    "It does not: it takes whatever follows for instructions, or your jump leads back for ever.",
    "Let the last byte be f4, `hlt`.",
)
INVENT = (
    "Does the program's `in` or `out` name the port that you chose?",
    "`e4 40` is `in al, 0x40`, and `e6 40` is `out 0x40, al`.",
    "Take `guests.ROLL` and change its port to yours.",
)
TAKEN = (
    "Who else is on this machine?",
    "0x3f8 is the serial port's, and a port has one device.",
    "Take another number, such as 0x40.",
)
PRICE = (
    "One number is asked for: how long one exit takes.",
    "Take the median of what each guest took, subtract, and divide.",
    '`price = (middle["talks"] - middle["is silent"]) / 1000 * 1e6`',
)
CHANCE = (
    "Nothing can cost less than nothing. Which guest does more?",
    "Subtract the silent guest's time from the talking one's; with few rounds, chance decides.",
    "Ten rounds or more, and the median of each arm.",
)
PRICE_LOW = (
    "So quickly no Python answers. Which unit has your number?",
    "`seconds` are seconds. There are a million microseconds in one.",
    "Multiply by 1e6, and divide by 1000 only once.",
)
PRICE_HIGH = (
    "Is that one exit?",
    "`TALK` sends 1,000 bytes, and each is an exit.",
    "Divide by 1000, then multiply by 1e6.",
)
