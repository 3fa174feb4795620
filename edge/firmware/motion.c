#include "motion.h"

#include "platform.h"

/* C99 has no static assertion; an array of negative size does not compile either, and its name is in the message. */
#define REQUIRE(name, condition) typedef char name[(condition) ? 1 : -1]

#define OUTSIDE(us, min_us, max_us) ((us) < (min_us) || (us) > (max_us))
#define BIN_OUTSIDE(swivel_us, tilt_us)                                                                               \
    +OUTSIDE(swivel_us, SWIVEL_MIN_US, SWIVEL_MAX_US) + OUTSIDE(tilt_us, TILT_MIN_US, TILT_MAX_US)

REQUIRE(limits_are_not_those_of_a_servo, SWIVEL_MIN_US >= 400 && TILT_MIN_US >= 400 && SWIVEL_MAX_US <= 2600 &&
                                             TILT_MAX_US <= 2600);
REQUIRE(rest_position_is_outside_the_limits, !OUTSIDE(SWIVEL_HOME_US, SWIVEL_MIN_US, SWIVEL_MAX_US) &&
                                                 !OUTSIDE(TILT_LEVEL_US, TILT_MIN_US, TILT_MAX_US));
REQUIRE(a_bin_is_outside_the_limits, (0 BINS(BIN_OUTSIDE)) == 0);
REQUIRE(the_name_is_not_1_to_24_characters_long, sizeof ARM_NAME >= 2 && sizeof ARM_NAME <= 25);
REQUIRE(there_are_1_to_99_bins, BIN_COUNT >= 1 && BIN_COUNT <= 99);

#define FRAMES(ms) (((ms) + FRAME_MS - 1) / FRAME_MS)
#define STEP_US(us_per_s) ((uint16_t)((uint32_t)(us_per_s) * FRAME_MS / 1000))

REQUIRE(a_speed_is_too_low_to_move, STEP_US(SWIVEL_SPEED_US_PER_S) > 0 && STEP_US(TILT_SPEED_US_PER_S) > 0);
REQUIRE(a_time_is_longer_than_20_s, RELEASE_MS <= 20000 && SETTLE_MS <= 20000 && ARRIVAL_LIMIT_MS <= 20000);

typedef struct {
    uint16_t min_us, max_us, start_us, step_us;
} servo_t;

static const servo_t SERVOS[SERVO_COUNT] = {
    [SWIVEL] = {SWIVEL_MIN_US, SWIVEL_MAX_US, SWIVEL_HOME_US, STEP_US(SWIVEL_SPEED_US_PER_S)},
    [TILT] = {TILT_MIN_US, TILT_MAX_US, TILT_LEVEL_US, STEP_US(TILT_SPEED_US_PER_S)},
};

typedef struct {
    uint16_t swivel_us, tilt_us;
} bin_t;

#define BIN_ENTRY(swivel_us, tilt_us) {swivel_us, tilt_us},
static const bin_t BIN_POSITIONS[BIN_COUNT] = {BINS(BIN_ENTRY)};

/* The keyframes of a motion, in order; HOME leaves out those between the first and the last. The tray is levelled
   first, since a motion may begin where STOP ended another one. */
typedef enum {
    SETTLE,
    LEVEL,
    TURN_TO_BIN,
    LEFT_REST, /* the switch is open: it did turn, so the tray is not emptied in a wrong place */
    TILT_INTO_BIN,
    LEVEL_AGAIN,
    TURN_HOME,
    AT_REST, /* the switch is closed */
    RESTING
} keyframe_t;

static struct {
    keyframe_t keyframe;
    bool to_bin;
    bool settled; /* the servos are where their pulses send them */
    uint8_t bin;
    uint16_t waited_frames; /* since the keyframe's position was reached */
    uint16_t pulse_us[SERVO_COUNT];
} motion;

void motion_reset(void) {
    motion.keyframe = RESTING;
    motion.settled = false;
    for (uint8_t servo = 0; servo < SERVO_COUNT; servo++) {
        motion.pulse_us[servo] = SERVOS[servo].start_us;
        platform_set_pulse(servo, 0);
    }
}

static void begin(bool to_bin, uint8_t bin) {
    motion.to_bin = to_bin;
    motion.bin = bin;
    motion.keyframe = motion.settled ? LEVEL : SETTLE;
    motion.waited_frames = 0;
}

void motion_sort(uint8_t bin) { begin(true, bin); }

void motion_go_home(void) { begin(false, 0); }

void motion_stop(void) { motion.keyframe = RESTING; }

/* The servos go limp: what is jammed is not pushed any further, and no motor burns out. */
static void give_in(void) {
    motion.keyframe = RESTING;
    motion.settled = false;
    for (uint8_t servo = 0; servo < SERVO_COUNT; servo++) {
        platform_set_pulse(servo, 0);
    }
}

/* One frame's way of a servo towards a position; true when it is there. The only place that gives pulses. */
static bool approach(uint8_t servo, uint16_t target_us) {
    const servo_t *limits = &SERVOS[servo];
    uint16_t now_us = motion.pulse_us[servo];
    if (target_us > now_us) {
        now_us = target_us - now_us > limits->step_us ? (uint16_t)(now_us + limits->step_us) : target_us;
    } else {
        now_us = now_us - target_us > limits->step_us ? (uint16_t)(now_us - limits->step_us) : target_us;
    }
    /* The positions were checked when this was compiled; memory can still be damaged. */
    now_us = now_us < limits->min_us ? limits->min_us : now_us;
    now_us = now_us > limits->max_us ? limits->max_us : now_us;
    motion.pulse_us[servo] = now_us;
    platform_set_pulse(servo, now_us);
    return now_us == target_us;
}

/* Moves towards the keyframe's position; true when both servos are there. */
static bool approach_keyframe(void) {
    uint16_t swivel_us = motion.pulse_us[SWIVEL];
    uint16_t tilt_us = TILT_LEVEL_US;
    switch (motion.keyframe) {
    case TURN_TO_BIN: swivel_us = BIN_POSITIONS[motion.bin].swivel_us; break;
    case TILT_INTO_BIN: tilt_us = BIN_POSITIONS[motion.bin].tilt_us; break;
    case TURN_HOME: swivel_us = SWIVEL_HOME_US; break;
    case SETTLE: tilt_us = motion.pulse_us[TILT]; break;
    default: break;
    }
    bool swivel_there = approach(SWIVEL, swivel_us);
    bool tilt_there = approach(TILT, tilt_us);
    return swivel_there && tilt_there;
}

static uint16_t hold_frames(keyframe_t keyframe) {
    switch (keyframe) {
    case SETTLE: return FRAMES(SETTLE_MS);
    case TILT_INTO_BIN: return FRAMES(RELEASE_MS);
    default: return 0;
    }
}

static keyframe_t after(keyframe_t keyframe) {
    return keyframe == LEVEL && !motion.to_bin ? TURN_HOME : (keyframe_t)(keyframe + 1);
}

static bool is_near_rest(uint8_t bin) {
    uint16_t swivel_us = BIN_POSITIONS[bin].swivel_us;
    return swivel_us + REST_SWITCH_RANGE_US >= SWIVEL_HOME_US && swivel_us <= SWIVEL_HOME_US + REST_SWITCH_RANGE_US;
}

/* What the switch must show before the motion goes on. Without one, servos are where their pulses send them. */
static bool is_confirmed(keyframe_t keyframe) {
    if (!HAS_REST_SWITCH) {
        return true;
    }
    return keyframe == LEFT_REST ? is_near_rest(motion.bin) || !platform_at_rest() : platform_at_rest();
}

motion_t motion_tick(void) {
    bool reached;
    if (motion.keyframe == RESTING) {
        return MOTION_NONE;
    }
    if (motion.keyframe == LEFT_REST || motion.keyframe == AT_REST) {
        reached = is_confirmed(motion.keyframe);
        if (!reached && motion.waited_frames++ >= FRAMES(ARRIVAL_LIMIT_MS)) {
            give_in();
            return MOTION_JAMMED;
        }
    } else {
        reached = approach_keyframe() && motion.waited_frames++ >= hold_frames(motion.keyframe);
    }
    if (reached) {
        motion.settled = true;
        motion.keyframe = after(motion.keyframe);
        motion.waited_frames = 0;
    }
    return motion.keyframe == RESTING ? MOTION_COMPLETED : MOTION_UNDER_WAY;
}
