import eslint from '@eslint/js';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

export default defineConfig(
  { ignores: ['deploy/', 'dist/', 'node_modules/', '.data/', 'coverage/', '.dependency-cruiser.cjs'] },
  eslint.configs.recommended,
  tseslint.configs.strictTypeChecked,
  tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      eqeqeq: 'error',
      // DTOs and configuration slices are shapes with a name at run time: object literals are right for them.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      '@typescript-eslint/no-extraneous-class': ['error', { allowWithDecorator: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // Property injection by constructor is the house's way; the linter sees an empty body.
      '@typescript-eslint/no-empty-function': ['error', { allow: ['private-constructors'] }],
      // Only loadConfig reads the environment; it is handed over in these places.
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'env', message: 'Use loadConfig.' },
      ],
    },
  },
  {
    files: [
      'src/main.ts',
      'src/worker.ts',
      'src/migrate.ts',
      'src/move-blobs.ts',
      'src/cli/main.ts',
      'ormconfig.ts',
      'scripts/**',
      'test/**',
      'bench/**',
      '*.ts',
      '*.mjs',
    ],
    rules: { 'no-restricted-properties': 'off' },
  },
  {
    files: ['**/*.mjs'],
    languageOptions: {
      globals: {
        process: 'readonly',
        console: 'readonly',
        URL: 'readonly',
        setTimeout: 'readonly',
        clearTimeout: 'readonly',
        setInterval: 'readonly',
        clearInterval: 'readonly',
        Buffer: 'readonly',
        fetch: 'readonly',
        AbortSignal: 'readonly',
        AbortController: 'readonly',
      },
    },
  },
);
