using System;
using System.Collections.Generic;
using System.IO;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Security.Cryptography.Xml;
using System.Xml;

/// <summary>
/// Signs and verifies documents with .NET's System.Security.Cryptography.Xml.SignedXml, a line of standard input each:
///
///   sign IN OUT PATH KEY.xml CERTIFICATE.der rsa-sha256|rsa-sha384|rsa-sha512 sha256|sha384|sha512 inclusive|exclusive
///   verify IN CERTIFICATE.der
///
/// with tabs between; for each line one is written: "done", "valid", "invalid", or "error" and why.
/// </summary>
public static class NetPeer
{
    private const string More = "http://www.w3.org/2001/04/xmldsig-more#";
    private const string Enc = "http://www.w3.org/2001/04/xmlenc#";

    public static int Main()
    {
        string line;
        while ((line = Console.In.ReadLine()) != null)
        {
            string[] told = line.Split('\t');
            try
            {
                Console.WriteLine(told[0] == "sign" ? Sign(told) : Verify(told));
            }
            catch (Exception error)
            {
                Console.WriteLine("error " + error.GetType().Name + ": " + error.Message.Replace('\n', ' '));
            }
        }
        return 0;
    }

    private static string Sign(string[] told)
    {
        XmlDocument document = Load(told[1]);
        X509Certificate2 certificate = new X509Certificate2(told[5]);
        using (RSACryptoServiceProvider key = new RSACryptoServiceProvider(new CspParameters(24)))
        {
            key.PersistKeyInCsp = false;
            key.FromXmlString(File.ReadAllText(told[4]));
            bool exclusive = told[8] == "exclusive";
            SignedXml signed = new SignedXml(document);
            signed.SigningKey = key;
            signed.SignedInfo.SignatureMethod = More + told[6];
            signed.SignedInfo.CanonicalizationMethod =
                exclusive ? SignedXml.XmlDsigExcC14NTransformUrl : SignedXml.XmlDsigC14NTransformUrl;
            Reference reference = new Reference("");
            reference.AddTransform(new XmlDsigEnvelopedSignatureTransform());
            if (exclusive)
            {
                reference.AddTransform(new XmlDsigExcC14NTransform());
            }
            reference.DigestMethod = (told[7] == "sha384" ? More : Enc) + told[7];
            signed.AddReference(reference);
            KeyInfo keys = new KeyInfo();
            keys.AddClause(new RSAKeyValue(key));
            KeyInfoX509Data data = new KeyInfoX509Data(certificate);
            data.AddSubjectName(certificate.Subject);
            keys.AddClause(data);
            signed.KeyInfo = keys;
            signed.Signature.Id = "sigid";
            signed.ComputeSignature();
            document.SelectSingleNode(told[3]).AppendChild(document.ImportNode(signed.GetXml(), true));
        }
        document.Save(told[2]);
        return "done";
    }

    private static string Verify(string[] told)
    {
        XmlDocument document = Load(told[1]);
        SignedXml signed = new SignedXml(document);
        signed.LoadXml((XmlElement)document.GetElementsByTagName("Signature", SignedXml.XmlDsigNamespaceUrl)[0]);
        X509Certificate2 certificate = new X509Certificate2(told[2]);
        return signed.CheckSignature(certificate.PublicKey.Key) ? "valid" : "invalid";
    }

    private static XmlDocument Load(string path)
    {
        XmlDocument document = new XmlDocument();
        document.PreserveWhitespace = true;
        document.XmlResolver = null;
        document.Load(path);
        return document;
    }
}
