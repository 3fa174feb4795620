/* The arm of arm-protocol-vectors.json, quick in its movements, with nothing connected. */
#ifndef SORTER_CONFIG_H
#define SORTER_CONFIG_H

#define ARM_NAME "golden-arm"

#define SWIVEL_MIN_US 700
#define SWIVEL_MAX_US 2300
#define TILT_MIN_US 1000
#define TILT_MAX_US 1900
#define SWIVEL_HOME_US 1500
#define TILT_LEVEL_US 1500

#define BINS(BIN) BIN(700, 1000) BIN(1200, 1000) BIN(1800, 1900) BIN(2300, 1900)

#define SWIVEL_SPEED_US_PER_S 4000
#define TILT_SPEED_US_PER_S 5000
#define RELEASE_MS 60
#define SETTLE_MS 100

#ifndef HAS_REST_SWITCH
#define HAS_REST_SWITCH 0
#define HAS_STOP_BUTTON 0
#define HAS_LIGHT_BARRIER 0
#endif
#define ARRIVAL_LIMIT_MS 200
#define REST_SWITCH_RANGE_US 100
#define HAS_WATCHDOG 1

#endif
