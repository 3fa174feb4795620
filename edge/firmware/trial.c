/*
 * The firmware on trial: obeys a script on stdin, in a time of its own, and tells on stdout what the firmware did.
 *
 *   bytes HEX        they arrive from the host           frames N       that many frames pass
 *   decode HEX       only decodes the lines              reset          as by the button of the board
 *   crc HEX          only its checksum                   jam 0|1        the swivel stays where it is
 *   stop 0|1         the stop button                     object 0|1     the light barrier
 *
 * After each command come the lines that the firmware sent, "pulse SERVO US" for each pulse that changed, and "." last.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arm.h"
#include "mechanics.h"
#include "platform.h"
#include "protocol.h"

#define SCRIPT_LINE_MAX 20000

static bool stop_pressed, object_there;

void platform_send(const char *line, uint8_t length) { fwrite(line, 1, length, stdout); }

void platform_set_pulse(uint8_t servo, uint16_t pulse_us) { mechanics_set_pulse(servo, pulse_us, stdout); }

bool platform_at_rest(void) { return mechanics_at_rest(); }

bool platform_stop_pressed(void) { return stop_pressed; }

bool platform_sees_object(void) { return object_there; }

/* Turns hexadecimal digits into bytes, in place; gives their number. */
static size_t read_hex(char *text) {
    size_t count = strlen(text) / 2;
    for (size_t i = 0; i < count; i++) {
        const char digits[] = {text[2 * i], text[2 * i + 1], '\0'};
        text[i] = (char)strtoul(digits, NULL, 16);
    }
    return count;
}

static void print_command(const command_t *command) {
    printf("%u %s", command->sequence, command->verb);
    const char *argument = command->arguments;
    for (uint8_t i = 0; i < command->argument_count; i++) {
        printf(" %s", argument);
        argument += strlen(argument) + 1;
    }
    putchar('\n');
}

static void print_decoded(line_t *line) {
    command_t command;
    uint8_t error = command_decode(line, &command);
    if (error == ERR_NONE) {
        print_command(&command);
    } else {
        printf("error %u%s\n", error, line->says_stop ? " stop" : "");
    }
    line_clear(line);
}

static void decode(const char *bytes, size_t count) {
    line_t line;
    line_clear(&line);
    for (size_t i = 0; i < count; i++) {
        if (line_add(&line, (uint8_t)bytes[i])) {
            print_decoded(&line);
        }
    }
    if (line_add(&line, '\n')) {
        print_decoded(&line);
    }
}

static void obey(const char *verb, char *argument) {
    bool on = strcmp(argument, "1") == 0;
    if (strcmp(verb, "bytes") == 0) {
        size_t count = read_hex(argument);
        for (size_t i = 0; i < count; i++) {
            arm_receive((uint8_t)argument[i]);
        }
    } else if (strcmp(verb, "decode") == 0) {
        decode(argument, read_hex(argument));
    } else if (strcmp(verb, "crc") == 0) {
        printf("%04X\n", checksum(argument, (uint8_t)read_hex(argument)));
    } else if (strcmp(verb, "frames") == 0) {
        for (long frame = strtol(argument, NULL, 10); frame > 0; frame--) {
            arm_tick();
        }
    } else if (strcmp(verb, "reset") == 0) {
        arm_start();
    } else if (strcmp(verb, "jam") == 0) {
        mechanics_jam(on);
    } else if (strcmp(verb, "stop") == 0) {
        stop_pressed = on;
    } else if (strcmp(verb, "object") == 0) {
        object_there = on;
    } else {
        fprintf(stderr, "no such command: %s\n", verb);
        exit(2);
    }
}

int main(void) {
    static char script[SCRIPT_LINE_MAX];
    arm_start();
    for (;;) {
        puts(".");
        fflush(stdout);
        if (fgets(script, sizeof script, stdin) == NULL) {
            return 0;
        }
        script[strcspn(script, "\n")] = '\0';
        char *argument = strchr(script, ' ');
        if (argument != NULL) {
            *argument++ = '\0';
        }
        obey(script, argument != NULL ? argument : script + strlen(script));
    }
}
