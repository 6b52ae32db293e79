import { describe, expect, it } from 'vitest';
import { withCorsRule } from '../../src/modules/storage/drivers/s3/bucket-cors.js';

const PAGES = ['https://a.example.com', 'https://b.example.com'];

describe('withCorsRule', () => {
  it('makes the first', () => {
    expect(withCorsRule(undefined, PAGES)).toBe(
      '<CORSConfiguration><CORSRule><ID>download-service</ID>' +
        '<AllowedOrigin>https://a.example.com</AllowedOrigin><AllowedOrigin>https://b.example.com</AllowedOrigin>' +
        '<AllowedMethod>GET</AllowedMethod><AllowedMethod>HEAD</AllowedMethod><AllowedMethod>PUT</AllowedMethod>' +
        '<AllowedHeader>*</AllowedHeader><ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>3600</MaxAgeSeconds></CORSRule></CORSConfiguration>',
    );
  });

  it('has nothing to say when it is there, in whatever order', () => {
    const made = withCorsRule(undefined, PAGES) ?? '';
    expect(withCorsRule(made, PAGES)).toBeUndefined();
    expect(withCorsRule(made, [...PAGES].reverse())).toBeUndefined();
    const moved = made.replace(/(<ID>.*?<\/ID>)(.*)(<\/CORSRule>)/, '$2$1$3');
    expect(withCorsRule(`<?xml version="1.0"?>\n${moved}`, PAGES)).toBeUndefined();
  });

  it('replaces its own rule, and keeps those of others', () => {
    const foreign = '<CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>*</AllowedOrigin></CORSRule>';
    const first =
      withCorsRule(`<CORSConfiguration>${foreign}</CORSConfiguration>`, ['https://old.example.com']) ?? '';
    expect(first).toContain(foreign);
    const second = withCorsRule(first, PAGES) ?? '';
    expect(second.match(/<CORSRule>/g)).toHaveLength(2);
    expect(second).toContain(foreign);
    expect(second).not.toContain('old.example.com');
  });
});
