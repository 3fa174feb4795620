/* The arm: lines in, lines out, one motion at a time. What docs/arm-protocol.md demands. */
#ifndef SORTER_ARM_H
#define SORTER_ARM_H

#include <stdint.h>

/* Once after a reset: forgets everything and says READY. Moves nothing. */
void arm_start(void);

/* Takes one byte from the host and obeys the line that it completes. */
void arm_receive(uint8_t byte);

/* Does what is due in one frame of FRAME_MS. */
void arm_tick(void);

#endif
