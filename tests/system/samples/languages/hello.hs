-- The hello card in Haskell, through the foreign function interface.
module Main (main) where

import Control.Monad (when)
import Data.Char (chr)
import Foreign
import Foreign.C
import Text.Printf (printf)

foreign import ccall "SCardEstablishContext"
  establishContext :: CULong -> Ptr () -> Ptr () -> Ptr CLong -> IO CLong
foreign import ccall "SCardListReaders"
  listReaders :: CLong -> CString -> CString -> Ptr CULong -> IO CLong
foreign import ccall "SCardConnect"
  connect :: CLong -> CString -> CULong -> CULong -> Ptr CLong -> Ptr CULong -> IO CLong
foreign import ccall "SCardTransmit"
  sendCommand :: CLong -> Ptr CULong -> Ptr Word8 -> CULong -> Ptr () -> Ptr Word8 -> Ptr CULong
              -> IO CLong
foreign import ccall "SCardDisconnect" disconnect :: CLong -> CULong -> IO CLong
foreign import ccall "SCardReleaseContext" releaseContext :: CLong -> IO CLong

scopeSystem, shareShared, t0OrT1, leaveCard :: CULong
scopeSystem = 2
shareShared = 2
t0OrT1 = 3
leaveCard = 0

responseBytesMax, pciBytes :: Int
responseBytesMax = 258
pciBytes = 16

check :: String -> CLong -> IO ()
check call code =
  when (code /= 0) $ ioError (userError (printf "%s: 0x%08X" call (toInteger code)))

transmit :: CLong -> CULong -> [Word8] -> IO [Word8]
transmit card protocol command =
  withArray [protocol, fromIntegral pciBytes] $ \pci ->
  withArrayLen command $ \count sent ->
  allocaArray responseBytesMax $ \response ->
  with (fromIntegral responseBytesMax) $ \size -> do
    check "SCardTransmit" =<<
      sendCommand card pci sent (fromIntegral count) nullPtr response size
    received <- peek size
    peekArray (fromIntegral received) response

hex :: [Word8] -> String
hex = unwords . map (printf "%02X")

-- What a call stores behind its last pointer.
result :: Storable a => (Ptr a -> IO ()) -> IO a
result call = alloca $ \place -> call place >> peek place

main :: IO ()
main = do
  context <- result $ \place ->
    check "SCardEstablishContext" =<< establishContext scopeSystem nullPtr nullPtr place
  size <- result $ \place ->
    check "SCardListReaders" =<< listReaders context nullPtr nullPtr place
  -- The first of the names, each ended by a NUL.
  (card, protocol) <- allocaBytes (fromIntegral size) $ \names -> with size $ \place -> do
    check "SCardListReaders" =<< listReaders context nullPtr names place
    alloca $ \card -> alloca $ \protocol -> do
      check "SCardConnect" =<< connect context names shareShared t0OrT1 card protocol
      (,) <$> peek card <*> peek protocol
  putStrLn . hex =<< transmit card protocol
    [0x00, 0xA4, 0x04, 0x00, 0x0A, 0xA0, 0x00, 0x00, 0x00, 0x62, 0x03, 0x01, 0x0C, 0x06, 0x01]
  response <- transmit card protocol [0, 0, 0, 0]
  putStrLn (hex response)
  putStrLn (map (chr . fromIntegral) (take (length response - 2) response))
  check "SCardDisconnect" =<< disconnect card leaveCard
  check "SCardReleaseContext" =<< releaseContext context
