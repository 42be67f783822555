import { beforeEach, describe, expect, it } from 'vitest';
import { type Circuit, createCircuit } from '../../../src/platform/circuit.ts';

const pauseMs = 500;
let circuit: Circuit;
let changes: boolean[];

beforeEach(() => {
  changes = [];
  circuit = createCircuit({ failures: 3, pauseMs, onChange: (isOpen) => changes.push(isOpen) });
});

/** Makes one failing attempt; returns whether it was admitted. */
function fail(now: number): boolean {
  const attempt = circuit.attempt(now);
  attempt?.failed();
  return attempt !== null;
}

function failUntilOpen(now: number): void {
  for (let failure = 1; failure <= 3; failure += 1) fail(now);
}

describe('a circuit', () => {
  it('opens after so many failures in a row, and lets nothing through for the pause', () => {
    expect([fail(0), fail(1), fail(2)]).toEqual([true, true, true]);
    expect(changes).toEqual([true]);
    expect(circuit.attempt(3)).toBeNull();
    expect(circuit.attempt(2 + pauseMs - 1)).toBeNull();
  });

  it('counts anew after a success', () => {
    fail(0);
    fail(1);
    circuit.attempt(2)?.succeeded();
    fail(3);
    fail(4);
    expect(circuit.attempt(5)).not.toBeNull();
    expect(changes).toEqual([]);
  });

  it('takes failures of tries that overlap for one', () => {
    const overlapping = Array.from({ length: 30 }, () => circuit.attempt(0));
    for (const attempt of overlapping) attempt?.failed();
    expect(circuit.attempt(1)).not.toBeNull();
    expect(changes).toEqual([]);
  });

  it('admits one attempt after the pause, and closes if it succeeds', () => {
    failUntilOpen(0);
    const probe = circuit.attempt(pauseMs);
    expect(probe).not.toBeNull();
    expect(circuit.attempt(pauseMs)).toBeNull();
    probe?.succeeded();
    expect(changes).toEqual([true, false]);
    expect([circuit.attempt(pauseMs), circuit.attempt(pauseMs)]).not.toContain(null);
  });

  it('pauses again where that try fails, and says nothing new', () => {
    failUntilOpen(0);
    expect(fail(pauseMs)).toBe(true);
    expect(circuit.attempt(2 * pauseMs - 1)).toBeNull();
    expect(circuit.attempt(2 * pauseMs)).not.toBeNull();
    expect(changes).toEqual([true]);
  });

  it('opens anew after as many failures as at first, once it was closed', () => {
    failUntilOpen(0);
    circuit.attempt(pauseMs)?.succeeded();
    expect([fail(600), fail(601)]).toEqual([true, true]);
    expect(circuit.attempt(602)).not.toBeNull();
  });

  it('does not stay open where the clock is set back', () => {
    failUntilOpen(3_600_000);
    expect(circuit.attempt(0)).not.toBeNull();
  });
});
