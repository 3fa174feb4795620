/* Stop button and light barrier: debounced, and told to the host for as long as they last. */
#ifndef SORTER_INPUTS_H
#define SORTER_INPUTS_H

#include <stdbool.h>
#include <stdint.h>

void inputs_reset(void);

/* What is to be said in this frame; the arm says it. */
typedef struct {
    bool stop_pressed;      /* in this frame */
    bool announce_stop;
    uint16_t announce_object; /* its number; 0: nothing to say */
} inputs_t;

/* Looks at the inputs; once every frame. */
inputs_t inputs_tick(void);

#endif
