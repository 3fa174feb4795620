/* Line protocol 1 (docs/arm-protocol.md): bytes to commands, answers to bytes. Knows nothing of arms. */
#ifndef SORTER_PROTOCOL_H
#define SORTER_PROTOCOL_H

#include <stdbool.h>
#include <stdint.h>

#define PROTOCOL_VERSION 1
#define LINE_MAX_CHARACTERS 80

enum {
    ERR_NONE = 0,
    ERR_CHECKSUM = 1,
    ERR_UNKNOWN_VERB = 2,
    ERR_ARGUMENT = 3,
    ERR_NO_SUCH_BIN = 4,
    ERR_STOPPED = 5,
    ERR_SEQUENCE_REUSED = 6,
    ERR_SEQUENCE_OLD = 7,
    ERR_HELLO_FIRST = 8,
    ERR_LINE_TOO_LONG = 9,
    ERR_FAULT = 10,
    ERR_JAMMED = 20,
    ERR_INTERRUPTED = 21
};

/* The line that is coming in. */
typedef struct {
    char text[LINE_MAX_CHARACTERS + 1];
    uint8_t length;       /* LINE_MAX_CHARACTERS + 1: too long */
    uint8_t stop_matched; /* how many letters of STOP the current word has so far; NO_MATCH: it is another word */
    bool says_stop;       /* holds the word STOP, wherever, in a line of any length */
} line_t;

/* A line that may be obeyed. Its texts lie in the line that it was decoded from. */
typedef struct {
    uint16_t sequence;
    const char *verb;       /* in capitals */
    const char *arguments;  /* one after the other, each ended by a zero byte */
    uint8_t argument_count;
} command_t;

/* An answer in the making. */
typedef struct {
    char text[LINE_MAX_CHARACTERS + 2]; /* with line feed and end */
    uint8_t length;
} reply_t;

void line_clear(line_t *line);

/* Takes one byte; true when it completes a line, which is to be decoded and then cleared. */
bool line_add(line_t *line, uint8_t byte);

/* Reads a complete line; gives ERR_NONE, or why it must not be obeyed. Changes the line's text. */
uint8_t command_decode(line_t *line, command_t *command);

/* Reads a number of 1 to max_digits digits (at most 5, at most 65535); false when the text is anything else. */
bool number_decode(const char *text, uint8_t max_digits, uint16_t *number);

uint16_t checksum(const char *text, uint8_t length);

const char *error_text(uint8_t error);

void reply_begin(reply_t *reply, uint16_t sequence, const char *word);
void reply_add_word(reply_t *reply, const char *word);
void reply_add_number(reply_t *reply, uint16_t number);

/* Adds checksum and line feed. */
void reply_end(reply_t *reply);

#endif
