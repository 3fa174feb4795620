#include "protocol.h"

#include <stddef.h>
#include <string.h>

#define CHECKSUM_DIGITS 4
#define NO_MATCH 0xFF

static const char STOP_WORD[] = "STOP";

/* The protocol is ASCII, whatever the locale; and ctype.h is undefined for negative characters. */
static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static char to_capital(char c) { return (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c); }

static bool is_word_character(char c) { return c > ' ' && c <= '~' && c != '*'; }

/* ---- lines ------------------------------------------------------------------------------------------------------ */

void line_clear(line_t *line) {
    line->length = 0;
    line->stop_matched = 0;
    line->says_stop = false;
}

/* Looks for STOP while the line comes in: of a line that is too long only the beginning is kept. */
static void look_for_stop(line_t *line, char c) {
    if (!is_word_character(c)) {
        line->says_stop = line->says_stop || line->stop_matched == sizeof STOP_WORD - 1;
        line->stop_matched = 0;
    } else if (line->stop_matched < sizeof STOP_WORD - 1 && to_capital(c) == STOP_WORD[line->stop_matched]) {
        line->stop_matched++;
    } else {
        line->stop_matched = NO_MATCH;
    }
}

bool line_add(line_t *line, uint8_t byte) {
    char c = (char)byte;
    if (c == '\r') {
        return false;
    }
    if (c == '\n') {
        look_for_stop(line, c);
        return line->length > 0;
    }
    look_for_stop(line, c);
    if (line->length < LINE_MAX_CHARACTERS) {
        line->text[line->length++] = c;
    } else {
        line->length = LINE_MAX_CHARACTERS + 1;
    }
    return false;
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

uint16_t checksum(const char *text, uint8_t length) {
    uint16_t crc = 0;
    for (uint8_t i = 0; i < length; i++) {
        crc = (uint16_t)(crc ^ ((uint16_t)(uint8_t)text[i] << 8));
        for (uint8_t bit = 0; bit < 8; bit++) {
            crc = (uint16_t)((crc & 0x8000) != 0 ? (crc << 1) ^ 0x1021 : crc << 1);
        }
    }
    return crc;
}

static void write_checksum(char digits[CHECKSUM_DIGITS], const char *text, uint8_t length) {
    uint16_t crc = checksum(text, length);
    for (uint8_t i = 0; i < CHECKSUM_DIGITS; i++) {
        digits[i] = "0123456789ABCDEF"[(crc >> 12) & 0xF];
        crc = (uint16_t)(crc << 4);
    }
}

/* Cuts the checksum off. False when it is wrong; checked tells whether there was one. */
static bool take_checksum(line_t *line, bool *checked) {
    char *text = line->text;
    uint8_t star = line->length;
    while (star > 0 && text[star - 1] != '*') {
        star--;
    }
    *checked = star > 0;
    if (!*checked) {
        return true;
    }
    uint8_t body_length = (uint8_t)(star - 1);
    char expected[CHECKSUM_DIGITS];
    write_checksum(expected, text, body_length);
    bool four = line->length - star == CHECKSUM_DIGITS;
    if (!four || (memcmp(text + star, expected, CHECKSUM_DIGITS) != 0 && memcmp(text + star, "????", 4) != 0)) {
        return false;
    }
    line->length = body_length;
    return true;
}

static bool is_readable(const line_t *line) {
    for (uint8_t i = 0; i < line->length; i++) {
        if (line->text[i] != ' ' && !is_word_character(line->text[i])) {
            return false;
        }
    }
    return true;
}

/* Moves the words together, each ended by a zero byte, and counts them. */
static uint8_t split_words(line_t *line) {
    uint8_t count = 0;
    uint8_t used = 0;
    bool in_word = false;
    for (uint8_t i = 0; i < line->length; i++) {
        char c = line->text[i];
        if (c != ' ') {
            count = (uint8_t)(count + !in_word);
            line->text[used++] = c;
        } else if (in_word) {
            line->text[used++] = '\0';
        }
        in_word = c != ' ';
    }
    line->text[used] = '\0';
    return count;
}

static char *next_word(char *word) { return word + strlen(word) + 1; }

static bool is_decimal(const char *text) {
    while (is_digit(*text)) {
        text++;
    }
    return *text == '\0';
}

bool number_decode(const char *text, uint8_t max_digits, uint16_t *number) {
    size_t digits = strlen(text);
    if (digits == 0 || digits > max_digits || !is_decimal(text)) {
        return false;
    }
    uint32_t value = 0;
    for (; *text != '\0'; text++) {
        value = value * 10 + (uint32_t)(*text - '0');
    }
    *number = (uint16_t)value;
    return value <= UINT16_MAX;
}

/* Verbs that a person may send with no checksum at all, since none of them sets the arm in motion. */
static bool needs_no_checksum(const char *verb) {
    return strcmp(verb, "HELLO") == 0 || strcmp(verb, "PING") == 0 || strcmp(verb, "STATUS") == 0 ||
           strcmp(verb, STOP_WORD) == 0;
}

uint8_t command_decode(line_t *line, command_t *command) {
    bool checked;
    if (line->length > LINE_MAX_CHARACTERS) {
        return ERR_LINE_TOO_LONG;
    }
    if (!take_checksum(line, &checked) || !is_readable(line)) {
        return ERR_CHECKSUM;
    }
    uint8_t words = split_words(line);
    char *word = line->text;
    command->sequence = 0;
    if (checked || is_decimal(word)) {
        if (words < 2 || !number_decode(word, 5, &command->sequence)) {
            return ERR_CHECKSUM;
        }
        word = next_word(word);
        words--;
    }
    for (char *letter = word; *letter != '\0'; letter++) {
        *letter = to_capital(*letter);
    }
    if (!checked && !needs_no_checksum(word)) {
        return ERR_CHECKSUM;
    }
    command->verb = word;
    command->arguments = words > 1 ? next_word(word) : "";
    command->argument_count = (uint8_t)(words - 1);
    return ERR_NONE;
}

/* ---- answering -------------------------------------------------------------------------------------------------- */

const char *error_text(uint8_t error) {
    switch (error) {
    case ERR_CHECKSUM: return "bad checksum";
    case ERR_UNKNOWN_VERB: return "unknown verb";
    case ERR_ARGUMENT: return "bad argument";
    case ERR_NO_SUCH_BIN: return "no such bin";
    case ERR_STOPPED: return "stopped";
    case ERR_SEQUENCE_REUSED: return "sequence number used before";
    case ERR_SEQUENCE_OLD: return "sequence number too old";
    case ERR_HELLO_FIRST: return "say HELLO first";
    case ERR_LINE_TOO_LONG: return "line too long";
    case ERR_FAULT: return "fault not cleared";
    case ERR_JAMMED: return "jammed";
    case ERR_INTERRUPTED: return "interrupted by STOP";
    default: return "unknown";
    }
}

/* What would not fit with its checksum is left out; no answer of this firmware comes near. */
static void append(reply_t *reply, char c) {
    if (reply->length < LINE_MAX_CHARACTERS - 1 - CHECKSUM_DIGITS) {
        reply->text[reply->length++] = c;
    }
}

static void append_text(reply_t *reply, const char *text) {
    while (*text != '\0') {
        append(reply, *text++);
    }
}

static void append_number(reply_t *reply, uint16_t number) {
    char digits[5];
    uint8_t count = 0;
    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    while (count > 0) {
        append(reply, digits[--count]);
    }
}

void reply_begin(reply_t *reply, uint16_t sequence, const char *word) {
    reply->length = 0;
    append_number(reply, sequence);
    reply_add_word(reply, word);
}

void reply_add_word(reply_t *reply, const char *word) {
    append(reply, ' ');
    append_text(reply, word);
}

void reply_add_number(reply_t *reply, uint16_t number) {
    append(reply, ' ');
    append_number(reply, number);
}

void reply_end(reply_t *reply) {
    uint8_t length = reply->length;
    reply->text[length] = '*';
    write_checksum(reply->text + length + 1, reply->text, length);
    reply->length = (uint8_t)(length + 1 + CHECKSUM_DIGITS + 1);
    reply->text[reply->length - 1] = '\n';
    reply->text[reply->length] = '\0';
}
