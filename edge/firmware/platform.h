/* What the arm needs from the board it runs on. uno.c, host.c and trial.c each provide it. */
#ifndef SORTER_PLATFORM_H
#define SORTER_PLATFORM_H

#include <stdbool.h>
#include <stdint.h>

/* Time is counted in servo frames. */
#define FRAME_MS 20

enum { SWIVEL, TILT, SERVO_COUNT };

/* Queues a whole line for the host. When there is no room, the line is dropped whole: the host asks again. */
void platform_send(const char *line, uint8_t length);

/* Sets the pulse that a servo gets in every frame from now on; 0: none, the servo goes limp. */
void platform_set_pulse(uint8_t servo, uint16_t pulse_us);

/* Inputs as they are at this moment, not debounced. Called only for those that config.h says are there. */
bool platform_at_rest(void);
bool platform_stop_pressed(void);
bool platform_sees_object(void);

#endif
