/*
 * Arduino Uno and other boards with an ATmega328P at 16 MHz.
 *
 *   D0, D1  serial port (USB)         D2  stop button      closed to ground; opens when pressed
 *   D9      swivel servo (OC1A)       D3  light barrier    low while an object is there
 *   D10     tilt servo (OC1B)         D4  rest switch      closes to ground at rest
 */
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/wdt.h>
#include <util/atomic.h>

#include "arm.h"
#include "config.h"
#include "platform.h"

#define STOP_BUTTON_PIN PD2
#define LIGHT_BARRIER_PIN PD3
#define REST_SWITCH_PIN PD4
#define SWIVEL_PIN PB1
#define TILT_PIN PB2

/* ---- serial port: 115200 baud ----------------------------------------------------------------------------------- */

/* 16 MHz / 8 / (16 + 1) = 117647, 2.1 % off. The usual value: what sits on the USB side has the same error. */
#define BAUD_DIVIDER 16

#define RECEIVING (_BV(RXEN0) | _BV(TXEN0) | _BV(RXCIE0))
#define RECEIVING_AND_SENDING (RECEIVING | _BV(UDRIE0))

/* No character of the protocol: a line with it in it is damaged. Stands where bytes were lost. */
#define LOST_BYTE 0x80

/* Exactly as many entries as an index of 8 bits has values, so that indices wrap by themselves. */
typedef struct {
    volatile uint8_t bytes[256];
    volatile uint8_t head, tail;
} ring_t;

static ring_t received, leaving;

ISR(USART_RX_vect) {
    static bool lost;
    bool damaged = (UCSR0A & (_BV(FE0) | _BV(DOR0))) != 0;
    uint8_t byte = UDR0;
    uint8_t next = (uint8_t)(received.head + 1);
    if (next == received.tail) {
        lost = true;
        return;
    }
    received.bytes[received.head] = damaged || lost ? LOST_BYTE : byte;
    received.head = next;
    lost = false;
}

ISR(USART_UDRE_vect) {
    if (leaving.head == leaving.tail) {
        UCSR0B = RECEIVING;
        return;
    }
    UDR0 = leaving.bytes[leaving.tail];
    leaving.tail++;
}

void platform_send(const char *line, uint8_t length) {
    uint8_t room = (uint8_t)(leaving.tail - leaving.head - 1);
    if (length > room) {
        return;
    }
    uint8_t head = leaving.head;
    for (uint8_t i = 0; i < length; i++) {
        leaving.bytes[head++] = (uint8_t)line[i];
    }
    leaving.head = head;
    /* One store, so no interrupt comes between; and made with interrupts on. QEMU does not look for one that became due
       while they were off, when a restored SREG turns them on again: the answer would lie here until the next servo
       frame, up to 10 ms. */
    UCSR0B = RECEIVING_AND_SENDING;
}

static void start_serial_port(void) {
    UBRR0 = BAUD_DIVIDER;
    UCSR0A = _BV(U2X0);
    UCSR0C = _BV(UCSZ01) | _BV(UCSZ00);
    UCSR0B = RECEIVING;
}

/* ---- servos: Timer 1 counts half microseconds, for ever --------------------------------------------------------- */

#define TICKS_PER_US 2U
#define FRAME_TICKS ((uint16_t)(FRAME_MS * 1000U * TICKS_PER_US))

/* What the pin does at the next compare match. The hardware sets the edge; the interrupt only has to come before the
   one after it, so a pulse is exact whatever else goes on. */
#define EDGES_A (_BV(COM1A1) | _BV(COM1A0))
#define EDGES_B (_BV(COM1B1) | _BV(COM1B0))
#define RISE_A EDGES_A
#define FALL_A _BV(COM1A1)
#define RISE_B EDGES_B
#define FALL_B _BV(COM1B1)

static volatile uint16_t wanted_ticks[SERVO_COUNT]; /* 0: no pulse */
static volatile uint8_t frames;

/* A match is the end of a pulse, the beginning of one, or (without pulses) just the beginning of a frame. */
ISR(TIMER1_COMPA_vect) {
    static uint16_t pulse_ticks, armed_ticks;
    uint16_t ended_ticks = pulse_ticks;
    pulse_ticks = 0;
    if (ended_ticks == 0) {
        frames++;
        pulse_ticks = armed_ticks;
    }
    if (pulse_ticks != 0) {
        TCCR1A = (uint8_t)((TCCR1A & ~EDGES_A) | FALL_A);
        OCR1A += pulse_ticks;
        return;
    }
    armed_ticks = wanted_ticks[SWIVEL];
    TCCR1A = (uint8_t)((TCCR1A & ~EDGES_A) | (armed_ticks != 0 ? RISE_A : 0));
    OCR1A += FRAME_TICKS - ended_ticks;
}

/* The same for the other servo, half a frame later: two motors do not start to draw current at once. */
ISR(TIMER1_COMPB_vect) {
    static uint16_t pulse_ticks, armed_ticks;
    uint16_t ended_ticks = pulse_ticks;
    pulse_ticks = 0;
    if (ended_ticks == 0) {
        pulse_ticks = armed_ticks;
    }
    if (pulse_ticks != 0) {
        TCCR1A = (uint8_t)((TCCR1A & ~EDGES_B) | FALL_B);
        OCR1B += pulse_ticks;
        return;
    }
    armed_ticks = wanted_ticks[TILT];
    TCCR1A = (uint8_t)((TCCR1A & ~EDGES_B) | (armed_ticks != 0 ? RISE_B : 0));
    OCR1B += FRAME_TICKS - ended_ticks;
}

void platform_set_pulse(uint8_t servo, uint16_t pulse_us) {
    ATOMIC_BLOCK(ATOMIC_RESTORESTATE) { wanted_ticks[servo] = (uint16_t)(pulse_us * TICKS_PER_US); }
}

/* Widths and frames are even, so matches that begin odd stay odd and never fall on 0: QEMU's timer misses a match at 0,
   and would stand still after 20 s. The hardware knows no such exception. */
static void start_servo_timer(void) {
    DDRB |= _BV(SWIVEL_PIN) | _BV(TILT_PIN);
    OCR1A = FRAME_TICKS + 1;
    OCR1B = FRAME_TICKS + FRAME_TICKS / 2 + 1;
    TCCR1A = 0;
    TIMSK1 = _BV(OCIE1A) | _BV(OCIE1B);
    TCCR1B = _BV(CS11); /* 16 MHz / 8 */
}

/* ---- inputs ----------------------------------------------------------------------------------------------------- */

/* Pulled up, so that a broken wire reads as "pressed", "no object", "not at rest": the safe side. */
static void start_inputs(void) { PORTD |= _BV(STOP_BUTTON_PIN) | _BV(LIGHT_BARRIER_PIN) | _BV(REST_SWITCH_PIN); }

bool platform_stop_pressed(void) { return (PIND & _BV(STOP_BUTTON_PIN)) != 0; }

bool platform_sees_object(void) { return (PIND & _BV(LIGHT_BARRIER_PIN)) == 0; }

bool platform_at_rest(void) { return (PIND & _BV(REST_SWITCH_PIN)) == 0; }

/* ---- watchdog --------------------------------------------------------------------------------------------------- */

/* After a watchdog's reset it goes on running, with its shortest time: it must be stopped before anything else. */
__attribute__((naked, used, section(".init3"))) static void stop_watchdog(void) {
    MCUSR = 0;
    wdt_disable();
}

static void start_watchdog(void) {
    if (HAS_WATCHDOG) {
        wdt_enable(WDTO_250MS);
    }
}

/* ---- main loop -------------------------------------------------------------------------------------------------- */

int main(void) {
    uint8_t frames_done = 0;
    start_inputs();
    start_serial_port();
    start_servo_timer();
    start_watchdog();
    arm_start();
    sei();
    for (;;) {
        wdt_reset();
        /* Lines before motion: STOP is obeyed before the next step is taken. */
        while (received.tail != received.head) {
            arm_receive(received.bytes[received.tail]);
            received.tail++;
        }
        if (frames_done != frames) {
            frames_done++;
            arm_tick();
        }
    }
}
