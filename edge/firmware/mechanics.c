#include "mechanics.h"

#include "config.h"
#include "platform.h"

static uint16_t pulses_us[SERVO_COUNT];
static uint16_t swivel_at_us = SWIVEL_HOME_US;
static bool swivel_jammed;

void mechanics_set_pulse(uint8_t servo, uint16_t pulse_us, FILE *told) {
    if (told != NULL && pulses_us[servo] != pulse_us) {
        fprintf(told, "pulse %d %d\n", servo, pulse_us);
    }
    pulses_us[servo] = pulse_us;
    if (servo == SWIVEL && pulse_us != 0 && !swivel_jammed) {
        swivel_at_us = pulse_us;
    }
}

void mechanics_jam(bool jammed) { swivel_jammed = jammed; }

bool mechanics_at_rest(void) { return swivel_at_us == SWIVEL_HOME_US; }
