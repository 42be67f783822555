import type { Writable } from 'node:stream';
import type { Answer, Call } from './api.ts';
import { jsonText } from './json-text.ts';

/** Explains a walk to a person. */
export interface Narrator {
  step(number: number, title: string): void;
  /** A sentence of explanation. */
  say(text: string): void;
  /** A request and its response. `brief` leaves the bodies out. */
  exchange(call: Call, answer: Answer, brief: boolean): void;
  /** A check that passed. */
  right(statement: string): void;
  skipped(title: string, why: string): void;
}

const styles = { bold: 1, dim: 2, red: 31, green: 32, cyan: 36 } as const;

export type Paint = (style: keyof typeof styles, text: string) => string;

/** Returns colours for a terminal, and plain text otherwise or if NO_COLOR is set. */
export function paintFor(stream: { isTTY?: boolean }): Paint {
  const colourful = stream.isTTY === true && process.env['NO_COLOR'] === undefined;
  return (style, text) => (colourful ? `\u001b[${styles[style]}m${text}\u001b[0m` : text);
}

/** The headers that show how the service produced its response, with their labels. */
const tellingHeaders: [header: string, word: string][] = [
  ['latchkey-cache', 'cache'],
  ['latchkey-revision', 'revision'],
];

/** Writes to a stream such as stdout, coloured if it is a terminal. */
export function createNarrator(stream: Writable & { isTTY?: boolean }): Narrator {
  const paint = paintFor(stream);
  const line = (text: string) => stream.write(`${text}\n`);
  const indented = (text: string, by: string) => {
    for (const part of text.split('\n')) line(`${by}${part}`);
  };
  return {
    step(number, title) {
      line(`\n${paint('bold', `${String(number).padStart(2)}  ${title}`)}`);
    },
    say(text) {
      indented(wrap(text, 96), '    ');
    },
    exchange(call, answer, brief) {
      const asked = `${call.method} ${call.path}`;
      const came = [
        String(answer.status),
        ...tellingHeaders.flatMap(([header, word]) => {
          const value = answer.headers.get(header);
          return value === null ? [] : [`${word} ${value}`];
        }),
        `${answer.tookMs.toFixed(1)} ms`,
      ].join(' · ');
      if (brief) {
        line(`    ${paint('cyan', asked)}  ${paint('dim', came)}`);
        return;
      }
      line(`\n    ${paint('cyan', asked)}`);
      if (call.body !== undefined) indented(jsonText(call.body, 94), '      ');
      line(`    ${paint('dim', came)}`);
      if (answer.body !== undefined) indented(paint('dim', jsonText(answer.body, 94)), '      ');
    },
    right(statement) {
      line(`    ${paint('green', '✓')} ${statement}`);
    },
    skipped(title, why) {
      line(`\n${paint('dim', ` –  ${title}: skipped, ${why}`)}`);
    },
  };
}

function wrap(text: string, width: number): string {
  const lines: string[] = [];
  let current = '';
  for (const word of text.split(' ')) {
    if (current !== '' && current.length + 1 + word.length > width) {
      lines.push(current);
      current = word;
    } else {
      current = current === '' ? word : `${current} ${word}`;
    }
  }
  return [...lines, current].join('\n');
}
