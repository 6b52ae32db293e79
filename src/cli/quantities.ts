const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];

/** `5.1 MiB`. */
export function inBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${UNITS[unit] ?? ''}`;
}

/** `1:02:03`, `2:03`, `3 s`. */
export function inTime(seconds: number): string {
  if (!Number.isFinite(seconds)) return '…';
  const whole = Math.ceil(seconds);
  const two = (value: number): string => String(value).padStart(2, '0');
  if (whole < 60) return `${whole} s`;
  const [hours, minutes] = [Math.floor(whole / 3_600), Math.floor(whole / 60) % 60];
  return hours === 0 ? `${minutes}:${two(whole % 60)}` : `${hours}:${two(minutes)}:${two(whole % 60)}`;
}

const FACTORS: Readonly<Record<string, number>> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 };

/** Reads `5242880`, `5M`, `5MiB`. @returns bytes; undefined when it is none of these */
export function parseBytes(text: string): number | undefined {
  const [, digits, unit = ''] = /^(\d{1,12})\s?(?:([kmg])i?b?)?$/i.exec(text) ?? [];
  const factor = FACTORS[unit.toLowerCase()];
  return digits === undefined || factor === undefined ? undefined : Number(digits) * factor;
}

const SECONDS: Readonly<Record<string, number>> = { '': 1, s: 1, m: 60, h: 3_600, d: 86_400 };

/** Reads `300`, `5m`, `12h`, `7d`. @returns seconds; undefined when it is none of these */
export function parseDuration(text: string): number | undefined {
  const [, digits, unit = ''] = /^(\d{1,9})([smhd]?)$/.exec(text) ?? [];
  const factor = SECONDS[unit];
  return digits === undefined || factor === undefined ? undefined : Number(digits) * factor;
}
