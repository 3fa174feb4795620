/*
 * The firmware as a Linux program on a pseudo-terminal (or, with --stdio, on stdin and stdout), in real time.
 *
 * Prints the terminal's path. -v tells every pulse that changes, on stderr. SIGUSR1 jams the next motion (where
 * config.h has a rest switch), SIGUSR2 resets, SIGTERM ends.
 */
#define _DEFAULT_SOURCE
#define _XOPEN_SOURCE 600
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "arm.h"
#include "mechanics.h"
#include "platform.h"

static int input = STDIN_FILENO;
static int output = STDOUT_FILENO;
static bool verbose;
static volatile sig_atomic_t jam_asked, reset_asked, end_asked;

/* ---- platform --------------------------------------------------------------------------------------------------- */

void platform_send(const char *line, uint8_t length) {
    /* Nobody reads: a real board's bytes would be lost in the same way. */
    ssize_t written = write(output, line, length);
    (void)written;
}

void platform_set_pulse(uint8_t servo, uint16_t pulse_us) {
    mechanics_set_pulse(servo, pulse_us, verbose ? stderr : NULL);
    if (pulse_us == 0) {
        mechanics_jam(false); /* the firmware has given in: somebody clears the jam */
    }
}

bool platform_at_rest(void) { return mechanics_at_rest(); }

bool platform_stop_pressed(void) { return false; }

bool platform_sees_object(void) { return false; }

/* ---- set-up ----------------------------------------------------------------------------------------------------- */

static void note_signal(int number) {
    jam_asked = jam_asked || number == SIGUSR1;
    reset_asked = reset_asked || number == SIGUSR2;
    end_asked = end_asked || number == SIGTERM || number == SIGINT;
}

static void catch_signals(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = note_signal;
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGUSR2, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
}

static void open_terminal(void) {
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
    struct termios settings;
    /* The other end stays open: without it, the terminal reads as broken whenever no program uses it. */
    if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0 || open(ptsname(master), O_RDWR | O_NOCTTY) < 0 ||
        tcgetattr(master, &settings) != 0) {
        perror("no pseudo-terminal");
        exit(1);
    }
    cfmakeraw(&settings);
    tcsetattr(master, TCSANOW, &settings);
    input = output = master;
    puts(ptsname(master));
    fflush(stdout);
}

/* ---- main loop -------------------------------------------------------------------------------------------------- */

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void do_what_signals_ask(void) {
    if (jam_asked) {
        jam_asked = 0;
        mechanics_jam(true);
        fputs("will jam\n", stderr);
    }
    if (reset_asked) {
        reset_asked = 0;
        arm_start();
        fputs("was reset\n", stderr);
    }
}

/* Waits for bytes until the next frame is due; false at the end of the input. */
static bool receive_until(int64_t due_ms) {
    struct pollfd waiting = {.fd = input, .events = POLLIN, .revents = 0};
    int64_t left_ms = due_ms - now_ms();
    if (poll(&waiting, 1, left_ms > 0 ? (int)left_ms : 0) <= 0) {
        return true;
    }
    uint8_t bytes[256];
    ssize_t count = read(input, bytes, sizeof bytes);
    for (ssize_t i = 0; i < count; i++) {
        arm_receive(bytes[i]);
    }
    return count > 0 || (count < 0 && (errno == EAGAIN || errno == EINTR));
}

int main(int count, char **arguments) {
    bool stdio = false;
    for (int i = 1; i < count; i++) {
        verbose = verbose || strcmp(arguments[i], "-v") == 0;
        stdio = stdio || strcmp(arguments[i], "--stdio") == 0;
    }
    catch_signals();
    if (!stdio) {
        open_terminal();
    }
    arm_start();
    int64_t due_ms = now_ms() + FRAME_MS;
    while (!end_asked && receive_until(due_ms)) {
        do_what_signals_ask();
        for (; due_ms <= now_ms(); due_ms += FRAME_MS) {
            arm_tick();
        }
    }
    return 0;
}
