import type { Load } from './load.ts';

/** A path of the service and its floor: the least that could give the same answer. */
export interface Comparison {
  /** Its name in `--only`. */
  id: string;
  name: string;
  /** The target ratio to the floor. */
  target: number | null;
  service: Load;
  floorName: string;
  floor: Load;
  /** Prepares the load; called once. */
  prepare?: () => Promise<void>;
}
