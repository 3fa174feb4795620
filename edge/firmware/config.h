/*
 * What is particular to one arm: its name, its bins, its servos and its inputs.
 *
 * Copy this file, adapt the copy and build with "make CONFIG=/path/to/copy.h". Positions are servo pulses in
 * microseconds; find them with a servo tester, or by trying. A position outside the limits does not compile.
 */
#ifndef SORTER_CONFIG_H
#define SORTER_CONFIG_H

/* What it calls itself: 1 to 24 letters, digits, '.', '_' and '-'. */
#define ARM_NAME "uno-arm"

/*
 * The mechanism: a tray that catches the object, turned by the swivel servo and emptied by the tilt servo. No pulse
 * ever leaves these limits. Set them where the mechanism ends, not where the servo does.
 */
#define SWIVEL_MIN_US 700
#define SWIVEL_MAX_US 2300
#define TILT_MIN_US 900
#define TILT_MAX_US 2100

/* Where the tray can take the next object. */
#define SWIVEL_HOME_US 1500
#define TILT_LEVEL_US 1500

/* The bins from number 0 on: BIN(swivel to it, tilt that empties the tray into it). Any number up to 99. */
#define BINS(BIN)                                                                                                     \
    BIN(1500, 1900)                                                                                                   \
    BIN(750, 1100)                                                                                                    \
    BIN(1000, 1100)                                                                                                   \
    BIN(1250, 1100)                                                                                                   \
    BIN(1500, 1100)                                                                                                   \
    BIN(1750, 1100)                                                                                                   \
    BIN(2000, 1100)                                                                                                   \
    BIN(2250, 1100)

/* Fastest change of a pulse. 1000 us are about 90 degrees of a common servo. */
#define SWIVEL_SPEED_US_PER_S 1500
#define TILT_SPEED_US_PER_S 2000

/* How long the tray stays tilted, so that everything has left it. */
#define RELEASE_MS 300

/* After a reset nobody knows where the servos are: with their first pulse they turn to the rest position as fast as
   they can, and get this long for it. */
#define SETTLE_MS 600

/*
 * Inputs, each 1 where it is connected (README.md tells how). Without the rest switch a motion ends by time, and a jam
 * is not noticed.
 */
#define HAS_REST_SWITCH 0
#define HAS_STOP_BUTTON 0
#define HAS_LIGHT_BARRIER 0

/* How long the rest switch may take to open after the swivel was sent to a bin, and to close after it was sent home.
   Then the arm is jammed. */
#define ARRIVAL_LIMIT_MS 1000

/* How far from home the switch may still be closed. Of bins nearer than this, only the return is watched. */
#define REST_SWITCH_RANGE_US 100

/* Resets the board when the program hangs. Only for boot loaders that survive it (Optiboot, on every Uno, does). */
#define HAS_WATCHDOG 1

#endif
