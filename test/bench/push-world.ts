import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { Server } from './load.ts';
import { openReader, type SeenChange, type StreamReader } from './push-streams.ts';
import { adminKey } from './subject.ts';

/** The load of the push bench. */
export interface PushLoad {
  projects: number;
  /** Streams of all projects together; each follows its project. */
  streams: number;
  changesPerSecond: number;
  seconds: number;
  /** Boundaries that come within one second. */
  boundaries: number;
  /** Endpoints of one project; the last one never answers. */
  endpoints: number;
}

interface Project {
  id: string;
  /** One per hundred streams, the limit of a key. */
  keys: string[];
}

/** The limit of a key. */
const streamsPerKey = 100;

/** How far apart the writes of the load are, milliseconds. Each grants to several users of one project. */
const writeEveryMs = 100;

export interface World {
  service: Server;
  load: PushLoad;
  projects: Project[];
  readers: StreamReader[];
  /** Called with each change that a stream receives. */
  heard: { onChange: (change: SeenChange) => void };
  close(): void;
}

export async function openWorld(service: Server, load: PushLoad): Promise<World> {
  const projects: Project[] = [];
  for (let nth = 1; nth <= load.projects; nth += 1) {
    projects.push(await createProject(service, nth, load.streams / load.projects));
  }
  const heard: World['heard'] = { onChange: () => undefined };
  const readers: StreamReader[] = [];
  for (let nth = 0; nth < load.streams; nth += 1) {
    const keys = projects[nth % projects.length]?.keys ?? [];
    const key = keys[Math.floor(nth / projects.length / streamsPerKey)] ?? '';
    readers.push(
      await openReader(service.url, key, (change) => {
        heard.onChange(change);
      }),
    );
  }
  process.stderr.write(`  push: ${load.streams} streams of ${load.projects} projects are open\n`);
  return {
    ...{ service, load, projects, readers, heard },
    close() {
      for (const reader of readers) reader.close();
    },
  };
}

/** What a load wrote: a busy service refuses writes. */
interface Written {
  changes: number;
  refused: number;
}

/** Grants to new users at the load's rate. */
export async function write({ service, projects, load }: World): Promise<Written> {
  const perWrite = (load.changesPerSecond * writeEveryMs) / 1_000;
  const writes = (load.seconds * 1_000) / writeEveryMs;
  const startedAt = Date.now();
  const pending: Promise<unknown>[] = [];
  for (let nth = 0; nth < writes; nth += 1) {
    await sleep(Math.max(0, startedAt + nth * writeEveryMs - Date.now()));
    const project = projects[nth % projects.length];
    if (project === undefined) continue;
    const written = grantBulk(service, project, perWrite, null);
    // Counted at the end.
    written.catch(() => undefined);
    pending.push(written);
  }
  const refused = (await Promise.allSettled(pending)).filter(({ status }) => status === 'rejected');
  return { changes: (writes - refused.length) * perWrite, refused: refused.length };
}

/** Grants to new users of all projects, with ends that are spread evenly over a time. */
export async function grantMany(
  service: Server,
  projects: readonly Project[],
  count: number,
  from: number,
  overMs: number,
): Promise<void> {
  const each = count / projects.length;
  for (const project of projects) {
    await grantBulk(service, project, each, (nth) => from + Math.floor((nth * overMs) / each));
  }
  if (Date.now() > from) throw new Error('the boundaries came before they were stored');
}

let users = 0;

async function grantBulk(
  service: Server,
  project: Project,
  count: number,
  endOf: ((nth: number) => number) | null,
): Promise<void> {
  const grants = Array.from({ length: count }, (_, nth) => {
    users += 1;
    return {
      user_id: `p_${users}`,
      feature_code: 'export',
      ...(endOf === null ? {} : { valid_to: new Date(endOf(nth)).toISOString() }),
    };
  });
  await post(service, '/admin/grants/bulk', {
    project_id: project.id,
    reason: 'the bench',
    grants,
  });
}

async function createProject(service: Server, nth: number, streams: number): Promise<Project> {
  const id = `push-${nth}`;
  await post(service, '/admin/projects', { id, name: id });
  const keys: string[] = [];
  for (let left = streams; left > 0; left -= streamsPerKey) {
    const made = await post(service, `/admin/projects/${id}/keys`, { name: id, scopes: ['read'] });
    keys.push(z.object({ key: z.string() }).parse(made).key);
  }
  await post(
    service,
    '/admin/features/export',
    { project_id: id, name: 'Export', type: 'boolean' },
    'PUT',
  );
  return { id, keys };
}

export async function post(
  { url }: Server,
  path: string,
  body: object,
  method: 'POST' | 'PUT' = 'POST',
): Promise<unknown> {
  const response = await fetch(`${url}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!response.ok) {
    const text = await response.text();
    throw new Error(`${path}: ${response.status} ${text.slice(0, 300)}`);
  }
  return response.json();
}

export async function reached(isDone: () => boolean, withinMs: number): Promise<void> {
  const until = Date.now() + withinMs;
  while (!isDone()) {
    if (Date.now() > until) throw new Error('not every change arrived');
    await sleep(50);
  }
}
