#include "inputs.h"

#include "config.h"
#include "platform.h"

#define REPEAT_FRAMES (500 / FRAME_MS)
#define STEADY_FRAMES 2

typedef struct {
    bool on;
    uint8_t differing_frames; /* for how long the input has been other than "on" */
    uint8_t quiet_frames;     /* since it was last announced */
} input_t;

static input_t button, barrier;
static uint16_t objects;

void inputs_reset(void) {
    button = barrier = (input_t){false, 0, 0};
    objects = 0;
}

/* Follows an input once it has been steady; true when it is time to announce it: at once, then every 0.5 s. */
static bool follow(input_t *input, bool now_on) {
    input->differing_frames = now_on == input->on ? 0 : (uint8_t)(input->differing_frames + 1);
    if (input->differing_frames >= STEADY_FRAMES) {
        input->on = now_on;
        input->differing_frames = 0;
        input->quiet_frames = REPEAT_FRAMES - 1;
    }
    if (!input->on || ++input->quiet_frames < REPEAT_FRAMES) {
        return false;
    }
    input->quiet_frames = 0;
    return true;
}

inputs_t inputs_tick(void) {
    inputs_t told = {false, false, 0};
    if (HAS_STOP_BUTTON) {
        told.announce_stop = follow(&button, platform_stop_pressed());
        told.stop_pressed = button.on;
    }
    if (HAS_LIGHT_BARRIER) {
        bool was_there = barrier.on;
        bool announce = follow(&barrier, platform_sees_object());
        if (barrier.on && !was_there) {
            objects = (uint16_t)(objects == UINT16_MAX ? 1 : objects + 1);
        }
        told.announce_object = announce ? objects : 0;
    }
    return told;
}
