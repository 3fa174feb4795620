/* Servos: from one position to the next, never too fast and never too far. */
#ifndef SORTER_MOTION_H
#define SORTER_MOTION_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"

#define COUNT_BIN(swivel_us, tilt_us) +1
#define BIN_COUNT (0 BINS(COUNT_BIN))

typedef enum { MOTION_NONE, MOTION_UNDER_WAY, MOTION_COMPLETED, MOTION_JAMMED } motion_t;

/* After a reset: no pulses, hence no motion. */
void motion_reset(void);

/* Begin a motion; motion_tick() carries it out. */
void motion_sort(uint8_t bin);
void motion_go_home(void);

/* Ends the motion where it is; the servos hold their position. */
void motion_stop(void);

/* Does what is due in one frame. MOTION_COMPLETED and MOTION_JAMMED are told once. */
motion_t motion_tick(void);

#endif
