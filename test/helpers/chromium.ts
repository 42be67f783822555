import { type Browser, chromium } from 'playwright-core';
import { systemProgram } from '../setup/system-program.ts';

/** Starts Debian's Chromium without a window; installs it first if it is missing and this is root. */
export function openChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: systemProgram('chromium'),
    // Chromium refuses to run as root with its own sandbox.
    args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
  });
}
