/* Servos and rest switch where there are none: for the programs that run on Linux. */
#ifndef SORTER_MECHANICS_H
#define SORTER_MECHANICS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Turns the servo, and tells about pulses that changed. */
void mechanics_set_pulse(uint8_t servo, uint16_t pulse_us, FILE *told);

/* From now on the swivel stays where it is, whatever pulses it gets. */
void mechanics_jam(bool jammed);

bool mechanics_at_rest(void);

#endif
