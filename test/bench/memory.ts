import { measure, type Server } from './load.ts';
import { anyUser } from './paths.ts';
import { adminKey, type Subject } from './subject.ts';

/** Maximum memory after ten minutes of load, relative to that after one. */
export const maxGrowth = 1.15;

/** Runs mixed reads for ten minutes. Returns whether the service's memory stayed within bounds. */
export async function watchMemory(subject: Subject, connections: number): Promise<boolean> {
  const load = { server: subject.service, next: anyUser(subject) };
  let errors = 0;
  const residentMb: number[] = [];
  for (let minute = 1; minute <= 10; minute += 1) {
    const measured = await measure(load, { connections, seconds: 60 });
    errors += measured.errors;
    residentMb.push(await residentMemoryMb(subject.service));
    console.log(
      `minute ${String(minute).padStart(2)}: ${residentMb.at(-1)?.toFixed(0)} MB, ` +
        `${measured.requestsPerSecond.toFixed(0)} req/s, ${errors} errors`,
    );
  }
  const growth = (residentMb.at(-1) ?? NaN) / (residentMb[0] ?? NaN);
  console.log(`after 10 minutes beside after 1: ${growth.toFixed(2)} (<= ${maxGrowth})`);
  return growth <= maxGrowth && errors === 0;
}

/** The memory of the service's process, from its metrics. */
export async function residentMemoryMb(service: Server): Promise<number> {
  const response = await fetch(`${service.url}/metrics`, {
    headers: { authorization: `Bearer ${adminKey}` },
  });
  const bytes = /^latchkey_process_resident_memory_bytes (\S+)$/m.exec(await response.text())?.[1];
  return Number(bytes) / 1_048_576;
}
