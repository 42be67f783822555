import {
  createContext,
  createElement,
  type ReactNode,
  useContext,
  useEffect,
  useMemo,
  useState,
} from 'react';
import type { Answer } from './routes.ts';

/** What a component sees of a feature. */
export interface FeatureState {
  allowed: boolean;
  /** The value of the feature; null if it is denied or not known yet. */
  value: unknown;
  /** Whether nothing is known yet. */
  isLoading: boolean;
}

interface Known {
  /** Feature code → value. */
  entitlements: Record<string, unknown>;
  /** Epoch milliseconds; Infinity = never. */
  nextChangeAt: number;
}

export type LatchkeyProviderProps = {
  children?: ReactNode;
  /** A signed document of the user, from the server: known at the first render, also on the server. */
  document?: string | undefined;
} & (
  | {
      /** The service's URL. */
      url: string;
      /** A user token from `latchkey.userToken(userId)`; it keeps the answer live. */
      token: string;
      userId: string;
    }
  | { url?: undefined; token?: undefined; userId?: undefined }
);

const Entitlements = createContext<Known | null>(null);

/**
 * Provides a user's entitlements to the components below: from a document, from a user token, or from both.
 * With a token they are live. They decide what is shown; the server decides what is allowed.
 */
export function LatchkeyProvider({
  children,
  document,
  url,
  token,
  userId,
}: LatchkeyProviderProps): ReactNode {
  const initial = useMemo(
    () => (document === undefined ? null : knownOfDocument(document)),
    [document],
  );
  const [live, setLive] = useState<(Known & User) | null>(null);
  const [, setNow] = useState(0);
  // What was read of another user does not count.
  const known = live !== null && live.userId === userId && live.url === url ? live : initial;

  useEffect(() => {
    if (url === undefined) return undefined;
    const user = { url, userId };
    return followUser(user, token, (read) => {
      setLive({ ...read, ...user });
    });
  }, [url, token, userId]);

  // An end that the answer names needs no message: it is rendered when it comes.
  const nextChangeAt = known?.nextChangeAt ?? Infinity;
  useEffect(() => {
    const waitMs = nextChangeAt - Date.now();
    if (waitMs > maxTimerMs) return undefined;
    const timer = setTimeout(
      () => {
        setNow((count) => count + 1);
      },
      Math.max(0, waitMs),
    );
    return () => {
      clearTimeout(timer);
    };
  }, [nextChangeAt]);

  const isOver = known !== null && Date.now() >= known.nextChangeAt;
  return createElement(Entitlements.Provider, { value: isOver ? null : known }, children);
}

/** The longest time that timers can wait. */
const maxTimerMs = 2_147_483_647;

/** Returns the state of a feature for the provider's user. */
export function useEntitlement(feature: string): FeatureState {
  const known = useContext(Entitlements);
  if (known === null) return { allowed: false, value: null, isLoading: true };
  const allowed = Object.hasOwn(known.entitlements, feature);
  return { allowed, value: allowed ? known.entitlements[feature] : null, isLoading: false };
}

export interface GateProps {
  feature: string;
  children?: ReactNode;
  /** Rendered if the user may not use the feature. */
  fallback?: ReactNode;
}

/** Renders its children only if the user may use a feature. */
export function Gate({ feature, children, fallback = null }: GateProps): ReactNode {
  return useEntitlement(feature).allowed ? children : fallback;
}

interface User {
  url: string;
  userId: string;
}

/** How often an answer is read again if the stream does not report a change of it. */
const readAgainMs = 60_000;

/**
 * Reads a user's answer now, after every change and at every boundary; returns a function that ends it. Once
 * the token has ended, what is shown stays until its own next change.
 */
function followUser(
  { url, userId }: User,
  token: string,
  onKnown: (known: Known) => void,
): () => void {
  const base = `${url.replace(/\/+$/, '')}/api/v1`;
  const user = encodeURIComponent(userId);
  const ended = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const read = async (): Promise<void> => {
    const response = await fetch(`${base}/entitlements?user_id=${user}`, {
      headers: { authorization: `Bearer ${token}` },
      signal: ended.signal,
    });
    if (!response.ok) return;
    const known = knownOfAnswer((await response.json()) as Answer);
    onKnown(known);
    clearTimeout(timer);
    const waitMs = known.nextChangeAt - Date.now();
    // A clock that is ahead must not ask all the time.
    timer = setTimeout(readAgain, waitMs > 0 ? Math.min(waitMs, readAgainMs) : 1_000);
  };
  const readAgain = (): void => {
    // What is shown stays until the next change.
    read().catch(() => undefined);
  };
  const events = new EventSource(
    `${base}/changes/stream?user_id=${user}&access_token=${encodeURIComponent(token)}`,
  );
  for (const name of ['ready', 'change', 'reset']) events.addEventListener(name, readAgain);
  return () => {
    ended.abort();
    clearTimeout(timer);
    events.close();
  };
}

function knownOfAnswer({ entitlements, next_change_at: next }: Answer): Known {
  return {
    entitlements: Object.fromEntries(
      entitlements.map(({ feature_code: code, value }) => [code, value]),
    ),
    nextChangeAt: next === null ? Infinity : Date.parse(next),
  };
}

/** Reads a document without verifying it: it only decides what is shown. */
function knownOfDocument(document: string): Known | null {
  try {
    const [, payload = ''] = document.split('.');
    const bytes = Uint8Array.from(atob(payload.replace(/-/g, '+').replace(/_/g, '/')), (char) =>
      char.charCodeAt(0),
    );
    const claims = JSON.parse(new TextDecoder().decode(bytes)) as {
      exp: number;
      latchkey: { entitlements: Record<string, unknown> };
    };
    return { entitlements: claims.latchkey.entitlements, nextChangeAt: claims.exp * 1_000 };
  } catch {
    return null;
  }
}
