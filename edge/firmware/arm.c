#include "arm.h"

#include <string.h>

#include "config.h"
#include "inputs.h"
#include "motion.h"
#include "platform.h"
#include "protocol.h"

#define BIN_DIGITS 3

typedef enum { IDLE, MOVING, STOPPED, FAULT } state_t;
typedef enum { VERB_NONE, SORT, HOME, RESUME } verb_t;

/* Outcomes that are no error; those that are have the error's number, from 20 on. */
enum { OUTCOME_NONE, OUTCOME_MOVING, OUTCOME_DONE };

/* The last command that was accepted: what a repetition is recognised by. */
typedef struct {
    uint16_t sequence; /* 0: none since the reset */
    verb_t verb;
    char argument[BIN_DIGITS + 1]; /* as it was written */
    uint8_t outcome;
} memory_t;

static struct {
    line_t line;
    memory_t last;
    state_t state;
    bool greeted;
} arm;

/* ---- saying ----------------------------------------------------------------------------------------------------- */

static void send(reply_t *reply) {
    reply_end(reply);
    platform_send(reply->text, reply->length);
}

static void say(uint16_t sequence, const char *word) {
    reply_t reply;
    reply_begin(&reply, sequence, word);
    send(&reply);
}

static void say_error(uint16_t sequence, uint8_t error) {
    reply_t reply;
    reply_begin(&reply, sequence, "ERR");
    reply_add_number(&reply, error);
    reply_add_word(&reply, error_text(error));
    send(&reply);
}

static void add_status(reply_t *reply) {
    static const char *const STATES[] = {"IDLE", "MOVING", "STOPPED", "FAULT"};
    static const char *const OUTCOMES[] = {"NONE", "MOVING", "DONE"};
    reply_add_word(reply, STATES[arm.state]);
    reply_add_number(reply, arm.last.sequence);
    if (arm.last.outcome <= OUTCOME_DONE) {
        reply_add_word(reply, OUTCOMES[arm.last.outcome]);
    } else {
        char text[] = "ERRnn";
        text[3] = (char)('0' + arm.last.outcome / 10);
        text[4] = (char)('0' + arm.last.outcome % 10);
        reply_add_word(reply, text);
    }
}

static void say_outcome_of_last(void) {
    if (arm.last.outcome > OUTCOME_DONE) {
        say_error(arm.last.sequence, arm.last.outcome);
    } else {
        say(arm.last.sequence, arm.last.outcome == OUTCOME_MOVING ? "OK" : "DONE");
    }
}

/* ---- queries ---------------------------------------------------------------------------------------------------- */

static void end_motion(state_t state, uint8_t outcome) {
    arm.state = state;
    arm.last.outcome = outcome;
    say_outcome_of_last();
}

static void stop(void) {
    motion_stop();
    if (arm.state == MOVING) {
        end_motion(STOPPED, ERR_INTERRUPTED);
    }
    arm.state = STOPPED;
}

/* Of any length, since the host's highest version may be any number from 1 on. */
static bool is_version(const char *text) {
    bool positive = false;
    for (; *text >= '0' && *text <= '9'; text++) {
        positive = positive || *text != '0';
    }
    return positive && *text == '\0';
}

static void greet(const command_t *command) {
    if (command->argument_count > 0 && !is_version(command->arguments)) {
        say_error(command->sequence, ERR_ARGUMENT);
        return;
    }
    arm.greeted = true;
    reply_t reply;
    reply_begin(&reply, command->sequence, "HELLO");
    reply_add_number(&reply, PROTOCOL_VERSION);
    reply_add_word(&reply, ARM_NAME);
    reply_add_number(&reply, BIN_COUNT);
    add_status(&reply);
    send(&reply);
}

static bool answer_query(const command_t *command) {
    if (strcmp(command->verb, "STOP") == 0) {
        stop();
        say(command->sequence, "STOPPED");
    } else if (strcmp(command->verb, "PING") == 0) {
        say(command->sequence, "PONG");
    } else if (strcmp(command->verb, "STATUS") == 0) {
        reply_t reply;
        reply_begin(&reply, command->sequence, "STATUS");
        add_status(&reply);
        send(&reply);
    } else if (strcmp(command->verb, "HELLO") == 0) {
        greet(command);
    } else {
        return false;
    }
    return true;
}

/* ---- commands --------------------------------------------------------------------------------------------------- */

static verb_t verb_of(const command_t *command) {
    if (strcmp(command->verb, "SORT") == 0) {
        return SORT;
    }
    if (strcmp(command->verb, "HOME") == 0) {
        return HOME;
    }
    return strcmp(command->verb, "RESUME") == 0 ? RESUME : VERB_NONE;
}

static bool is_repetition(const command_t *command, verb_t verb) {
    return command->sequence != 0 && command->sequence == arm.last.sequence && verb == arm.last.verb &&
           command->argument_count == (verb == SORT ? 1 : 0) && strcmp(command->arguments, arm.last.argument) == 0;
}

/* Less than half of the circle ahead. */
static bool is_newer(uint16_t sequence) {
    return arm.last.sequence == 0 || (uint16_t)(sequence - arm.last.sequence) <= 32767;
}

/* Why a command must not be obeyed, BUSY apart. The order is that of the table in docs/arm-protocol.md. */
static uint8_t refusal(const command_t *command, verb_t verb, uint16_t *bin) {
    bool right_arguments = verb == SORT ? command->argument_count == 1 &&
                                              number_decode(command->arguments, BIN_DIGITS, bin)
                                        : command->argument_count == 0;
    if (verb == VERB_NONE) {
        return ERR_UNKNOWN_VERB;
    }
    if (command->sequence == 0 || !right_arguments) {
        return ERR_ARGUMENT;
    }
    if (!arm.greeted) {
        return ERR_HELLO_FIRST;
    }
    if (command->sequence == arm.last.sequence) {
        return ERR_SEQUENCE_REUSED;
    }
    if (!is_newer(command->sequence)) {
        return ERR_SEQUENCE_OLD;
    }
    if (verb == SORT && *bin >= BIN_COUNT) {
        return ERR_NO_SUCH_BIN;
    }
    if (verb == RESUME || arm.state == IDLE || arm.state == MOVING) {
        return ERR_NONE;
    }
    return arm.state == STOPPED ? ERR_STOPPED : ERR_FAULT;
}

static void accept(const command_t *command, verb_t verb, uint8_t bin) {
    arm.last.sequence = command->sequence;
    arm.last.verb = verb;
    strncpy(arm.last.argument, command->arguments, BIN_DIGITS);
    if (verb == RESUME) {
        end_motion(IDLE, OUTCOME_DONE);
        return;
    }
    arm.state = MOVING;
    arm.last.outcome = OUTCOME_MOVING;
    say_outcome_of_last();
    if (verb == SORT) {
        motion_sort(bin);
    } else {
        motion_go_home();
    }
}

static void obey(const command_t *command) {
    verb_t verb = verb_of(command);
    uint16_t bin = 0;
    if (is_repetition(command, verb)) {
        say_outcome_of_last();
        return;
    }
    uint8_t error = refusal(command, verb, &bin);
    if (error != ERR_NONE) {
        say_error(command->sequence, error);
    } else if (arm.state == MOVING) {
        say(command->sequence, "BUSY");
    } else {
        accept(command, verb, (uint8_t)bin);
    }
}

/* ---- interface -------------------------------------------------------------------------------------------------- */

void arm_start(void) {
    arm.last = (memory_t){0, VERB_NONE, "", OUTCOME_NONE};
    arm.state = IDLE;
    arm.greeted = false;
    line_clear(&arm.line);
    motion_reset();
    inputs_reset();
    reply_t reply;
    reply_begin(&reply, 0, "READY");
    reply_add_word(&reply, "sorter-arm");
    reply_add_number(&reply, PROTOCOL_VERSION);
    send(&reply);
}

void arm_receive(uint8_t byte) {
    if (!line_add(&arm.line, byte)) {
        return;
    }
    command_t command;
    uint8_t error = command_decode(&arm.line, &command);
    if (error != ERR_NONE) {
        if (arm.line.says_stop) {
            stop();
        }
        say_error(0, error);
    } else if (!answer_query(&command)) {
        obey(&command);
    }
    line_clear(&arm.line);
}

void arm_tick(void) {
    inputs_t inputs = inputs_tick();
    if (inputs.stop_pressed) {
        stop();
    }
    if (inputs.announce_stop) {
        say(0, "STOPPED");
    }
    if (inputs.announce_object != 0) {
        reply_t reply;
        reply_begin(&reply, 0, "OBJECT");
        reply_add_number(&reply, inputs.announce_object);
        send(&reply);
    }
    switch (motion_tick()) {
    case MOTION_COMPLETED: end_motion(IDLE, OUTCOME_DONE); break;
    case MOTION_JAMMED: end_motion(FAULT, ERR_JAMMED); break;
    default: break;
    }
}
