/* Scalar types of the PC/SC API on Linux. Their sizes are ABI: DWORD and LONG are as wide as a
 * pointer, BOOL is a short. Part of Cardea's drop-in headers for libpcsclite. */
#ifndef CARDEA_PCSC_WINTYPES_H
#define CARDEA_PCSC_WINTYPES_H

#ifdef __cplusplus
extern "C" {
#endif

#ifndef BYTE
typedef unsigned char BYTE;
#endif
typedef unsigned char UCHAR;
typedef UCHAR *PUCHAR;
typedef unsigned short USHORT;
typedef unsigned short WORD;
typedef short BOOL;
typedef long LONG;
typedef unsigned long DWORD;
typedef DWORD *PDWORD;
#ifndef __COREFOUNDATION_CFPLUGINCOM__
typedef unsigned long ULONG;
typedef void *LPVOID;
#endif
typedef ULONG *PULONG;
typedef const void *LPCVOID;
typedef DWORD *LPDWORD;
typedef BYTE *LPBYTE;
typedef const BYTE *LPCBYTE;
typedef char *LPSTR;
typedef const char *LPCSTR;
typedef LPSTR LPTSTR;
typedef LPCSTR LPCTSTR;

#ifdef __cplusplus
}
#endif

#endif
