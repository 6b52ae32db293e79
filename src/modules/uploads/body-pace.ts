/** A slower body, on average over the window, is given up: bytes per second, and seconds. */
export const BODY_PACE = { minRate: 1_024, window: 30 } as const;
